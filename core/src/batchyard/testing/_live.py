"""A provider at its real service: a few lines, under a cap on what they may cost."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchyard.client import Client
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from batchyard.testing._journeys import (
    check,
    check_results,
    input_lines,
    joined,
    outcomes_of,
)
from batchyard.testing._report import Report

if TYPE_CHECKING:
    from batchyard.emulators import Trial

__all__ = ["Live", "live"]

IDS = ("bad-1", "größe ✓", "a b")
"""Few: they are paid for."""

BATCHES = 2
"""How many batches of those lines are created: one to be cancelled, one to the end."""

OUTPUT = 64
"""Tokens that an answer may have in the estimate, where its line allows as many."""


@dataclasses.dataclass(frozen=True, slots=True)
class Live:
    """How to try: at which account, with which model, for how much, for how long.

    ``cap`` is in US dollars, for all that is sent; ``timeout`` in seconds.
    """

    account: str
    cap: Decimal
    folder: Path
    model: str | None = None
    timeout: float = 86_400.0
    config_file: str | None = None


def live(wanted: Live, registry: Registry, say: Callable[[str], None]) -> Report:
    """Try it, and report.  Nothing is sent that is estimated to cost more than the cap.

    Raises :class:`ConfigError` where that is so, or where nobody knows the price.
    """
    options: dict[str, Any] = {"registry": registry, "config_file": wanted.config_file}
    with Client(wanted.account, ledger=False, **options) as client:
        trial = _trial(client.account.provider, registry, wanted.model)
        report = Report(client.account.provider, "live")
        report.more["account"] = client.account.name
        report.more["estimate"] = f"{_affordable(client, trial, wanted.cap):f}"
        trying = _Trying(report, say)
        _direct(trying, client, trial)
    if report.passed:
        ledger = wanted.folder / "ledger.db"
        with Client(wanted.account, ledger=ledger, **options) as client:
            _tracked(trying, client, trial, wanted)
    return report


def _trial(provider: str, registry: Registry, model: str | None) -> Trial:
    trial: Trial | None = getattr(registry.load("emulators", provider), "trial", None)
    if trial is None:
        raise ConfigError(f"the emulator of {provider} has no `trial`: what is to be sent?")
    return trial if model is None else dataclasses.replace(trial, model=model)


def _affordable(client: Client, trial: Trial, cap: Decimal) -> Decimal:
    cost = client.batches.estimate(input_lines(trial, IDS), output_tokens=OUTPUT).cost
    if cost.high is None:
        reasons = f" ({'; '.join(cost.reasons)})" if cost.reasons else ""
        raise ConfigError(
            f"nobody knows what {trial.model} costs{reasons}, so nothing is sent: name a model "
            "with a price, or give it one in the configuration"
        )
    high = cost.high * BATCHES
    if high > cap:
        raise ConfigError(f"this may cost ${high:f}, which is more than ${cap:f}: nothing is sent")
    return high


class _Trying:
    """Rules, one after the other: what is broken ends the way."""

    def __init__(self, report: Report, say: Callable[[str], None]) -> None:
        self._report = report
        self._say = say

    def spent(self, cost: Decimal | None) -> None:
        """What one of the batches came to."""
        self._report.more["spent"] = None if cost is None else f"{cost:f}"

    def rule(self, name: str, does: Callable[[], Any]) -> Any:
        if self._report.rules and not self._report.passed:
            self._report.add("Live", name, "skipped", said="what it goes on from has failed")
            return None
        self._say(name.removeprefix("test_").replace("_", " "))
        try:
            result = does()
        except Exception as error:  # noqa: BLE001 - whatever a plugin raised is what came of it
            self._report.add("Live", name, "failed", said=f"{type(error).__name__}: {error}")
            return None
        self._report.add("Live", name, "passed")
        return result


def _direct(trying: _Trying, client: Client, trial: Trial) -> None:
    lines, key = input_lines(trial, IDS), f"conformance-{uuid.uuid4().hex}"

    def account() -> None:
        for one in client.check() if client.account.supports("check_account") else []:
            check(one.level != "error", f"{one.check}: {one.message}")

    def upload() -> Any:
        file = client.files.create(lines)
        content = client.files.content(file).read()
        check(content.count(b"custom_id") == len(IDS), f"what came back is {content[:300]!r}")
        return file

    def created(file: Any) -> Any:
        made = client.batches.create(file, trial.endpoint, idempotency_key=key)
        again = client.batches.create(file, trial.endpoint, idempotency_key=key)
        check(made.id == again.id, f"the key made {made.id}, and then {again.id}")
        return made

    def listed(batch: Any) -> None:
        if client.account.supports("list_batches"):
            newest = [one.id for _, one in zip(range(50), client.batches.list(), strict=False)]
            check(batch.id in newest, f"{batch.id} is none of {newest}")

    def cancelled(batch: Any) -> None:
        if client.account.supports("cancel_batch"):
            asked = client.batches.cancel(batch)
            check(asked.id == batch.id, f"{asked.id} was cancelled in place of {batch.id}")

    trying.rule("test_the_account_can_be_used", account)
    file = trying.rule("test_a_file_is_uploaded_and_read_back", upload)
    batch = trying.rule("test_a_key_makes_one_batch", lambda: created(file))
    trying.rule("test_the_batch_is_listed", lambda: listed(batch))
    trying.rule("test_a_batch_can_be_cancelled", lambda: cancelled(batch))


def _tracked(trying: _Trying, client: Client, trial: Trial, wanted: Live) -> None:
    def ended() -> Any:
        file = client.files.create(input_lines(trial, IDS))
        batch = client.batches.create(file, trial.endpoint)
        done = client.batches.wait(batch, wait_timeout=wanted.timeout)
        check(done.status == "completed", f"the batch ended {done.status}")
        return done

    def answered(batch: Any) -> None:
        check_results(*joined(client, batch), outcomes_of(IDS))

    def paid(batch: Any) -> None:
        receipt = client.batches.cost(batch)
        trying.spent(receipt.cost)
        check(receipt.proof.complete, f"the receipt does not prove every line: {receipt.proof}")
        cost = receipt.cost
        check(
            cost is not None and cost <= wanted.cap, f"it cost {cost}, and the cap is {wanted.cap}"
        )

    batch = trying.rule("test_a_batch_ends", ended)
    trying.rule("test_every_line_gets_its_own_answer", lambda: answered(batch))
    trying.rule("test_it_costs_no_more_than_it_may", lambda: paid(batch))
