"""A provider's emulator through client, ledger and gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from batchyard.client import Client
from batchyard.drivers import Driver
from batchyard.emulators import Trial
from batchyard.errors import BatchyardError, WaitTimeoutError
from batchyard.lines import NO_RESULT
from batchyard.models import (
    Batch,
    BatchEvent,
    BatchRequest,
    Call,
    FileUpload,
    Ref,
    Usage,
)
from batchyard.steps import BytesSource
from batchyard.testing._emulated import PLAIN, Emulated, emulator_class, new_ledger
from batchyard.testing._journeys import (
    IDS,
    check,
    check_results,
    input_lines,
    joined,
    outcomes_of,
)
from batchyard.testing._plugin_tests import check_overrides
from batchyard.testing._served import GatewayServer

__all__ = ["EndToEndSuite"]

STARTED = 120.0
"""Seconds of the clock after which a batch is under way."""

PATIENCE = 10.0
"""Real seconds that a listener, in its own thread, may take to hear of an end."""

POLLS = 500
"""Looks at a batch at the gateway after which it is taken for one that never ends."""


class EndToEndSuite:
    """Whole batches, at the provider's emulator.  Inherit it as ``Test…``.

    ``provider`` is the name of its entry point; that of the emulator is the same.
    What is sent is the emulator's ``trial``.  What the provider does not support
    is skipped.  Needs ``batchyard[testing]``.
    """

    provider: ClassVar[str]

    @pytest.fixture
    def place(self) -> Iterator[Emulated]:
        """The emulator, serving."""
        with self.emulated() as place:
            yield place

    def emulated(self, **options: Any) -> Emulated:
        return Emulated(self.provider, **options)

    @property
    def trial(self) -> Trial:
        cls = emulator_class(self.provider)
        if cls.trial is None:
            raise AssertionError(f"give {cls.__name__} a `trial`: what is to be sent to it")
        return cls.trial

    def test_every_line_gets_its_own_answer_whatever_it_is_called(self, place: Emulated) -> None:
        client = place.client()
        batch = self._ended(client, input_lines(self.trial))
        check(batch.status == "completed", f"the batch ended {batch.status}")
        check_results(*joined(client, batch), outcomes_of(IDS))

    def test_the_async_client_comes_to_the_same(self, place: Emulated) -> None:
        async def main() -> tuple[list[Any], Any]:
            async with place.async_client() as client:
                file = await client.files.create(input_lines(self.trial))
                batch = await client.batches.create(file, self.trial.endpoint)
                results = client.batches.results(await client.batches.wait(batch))
                return [one async for one in results], results.completeness

        check_results(*asyncio.run(main()), outcomes_of(IDS))

    def test_a_file_is_read_back_as_the_lines_that_were_put_in(self, place: Emulated) -> None:
        client = place.client()
        lines = input_lines(self.trial)
        content = client.files.content(client.files.create(lines)).read()
        check(_values(content) == _values(lines), f"what came back is {content[:500]!r}")

    def test_another_process_reads_the_results_by_the_batchs_id(self, place: Emulated) -> None:
        notes = {"team": "search", "run": "7"}
        batch = self._created(place.client(), input_lines(self.trial), metadata=notes)
        client = place.client()
        ended = client.batches.wait(batch.id)
        check(ended.id == batch.id, f"{ended.id} was waited for as {batch.id}")
        kept = {name: (ended.metadata or {}).get(name) for name in notes}
        check(kept == notes, f"the metadata {notes} came back as {ended.metadata}")
        check_results(*joined(client, client.batches.retrieve(batch.id)), outcomes_of(IDS))

    def test_a_list_is_walked_to_its_end(self, place: Emulated) -> None:
        client = self._supporting(place, "list_batches")
        made = [self._created(client, input_lines(self.trial, [f"{n}"])).id for n in range(5)]
        for limit in (2, None):
            listed = [one.id for one in client.batches.list(limit=limit)]
            check(sorted(listed) == sorted(made), f"{made} were made, and {listed} listed")

    def test_a_batch_that_expires_accounts_for_every_line(self) -> None:
        self._check_expiry(ledger=False)

    def test_a_ledger_accounts_for_every_line_of_a_batch_that_expires(self, tmp_path: Path) -> None:
        receipt = self._check_expiry(ledger=new_ledger(tmp_path))
        check(receipt.proof.complete, f"the receipt does not prove every line: {receipt.proof}")

    def test_a_cancelled_batch_accounts_for_every_line(self, place: Emulated) -> None:
        client = self._supporting(place, "cancel_batch")
        ids = ("a", "b", "c", "d")
        batch = self._created(client, input_lines(self.trial, ids))
        client.batches.cancel(batch)
        # who asks twice has asked for nothing else
        client.batches.cancel(batch)
        ended = client.batches.wait(batch)
        check(ended.status == "cancelled", f"the batch ended {ended.status}")
        self._check_cut_short(ids, *joined(client, ended), "cancelled")

    def test_a_cancel_that_comes_too_late_changes_nothing(self, place: Emulated) -> None:
        client = self._supporting(place, "cancel_batch")
        batch = self._ended(client, input_lines(self.trial))
        try:
            client.batches.cancel(batch)
        except BatchyardError as error:
            # what the service answered, or what our own error is worth: a plugin's crash is one
            check(
                (error.status or error.status_hint) < 500, f"a late cancel is no failure: {error!r}"
            )
        after = client.batches.retrieve(batch.id)
        check(after.status == "completed", f"a late cancel made it {after.status}")
        check_results(*joined(client, after), outcomes_of(IDS))

    def test_the_same_key_is_the_same_batch_for_another_process(self, place: Emulated) -> None:
        first, second = self._supporting(place, "find_batch"), place.client()
        file = first.files.create(input_lines(self.trial))
        endpoint, key = self.trial.endpoint, "the key"
        made = first.batches.create(file, endpoint, idempotency_key=key)
        again = second.batches.create(file.id, endpoint, idempotency_key=key)
        check(made.id == again.id, f"the key made {made.id}, and then {again.id}")

    def test_a_batch_that_is_known_is_not_found_again(self, place: Emulated) -> None:
        account = self._supporting(place, "find_batch").account
        marker, content = "the-marker", BytesSource(input_lines(self.trial))
        call = Call(account.name, marker=marker)
        with Driver(account, PLAIN, place.clock) as driver:
            file = driver.run(account.upload_file(call, FileUpload(content, "in.jsonl")))
            ref, models = Ref(file.id, file.provider_state), (self.trial.model,)
            order = BatchRequest(ref, self.trial.endpoint, models=models, own_input=True)
            made = driver.run(account.create_batch(call, order))
            found = driver.run(account.find_batch(call, marker, ref, None))
            check(found is not None and found.id == made.id, f"{made.id} was made, {found} found")
            other = driver.run(account.find_batch(call, marker, ref, None, frozenset({made.id})))
            check(other is None, f"one that is not {made.id} was asked for, and {other} found")

    @pytest.mark.parametrize("mode", ["direct", "tracked"])
    def test_a_create_whose_reply_is_lost_makes_one_batch(
        self, place: Emulated, mode: str, tmp_path: Path
    ) -> None:
        ledger = new_ledger(tmp_path) if mode == "tracked" else False
        client = self._supporting(place, "find_batch", ledger=ledger)
        fault = place.faults.add(f"{self.trial.create} lost")
        options = {} if ledger else {"idempotency_key": "the key"}
        batch = self._created(client, input_lines(self.trial), **options)
        ended = client.batches.wait(batch)
        self._check_made_once(place, fault)
        check_results(*joined(client, ended), outcomes_of(IDS))

    @pytest.mark.parametrize("action", ["lost", "reset"])
    def test_a_process_that_dies_at_the_create_is_taken_over(
        self, place: Emulated, action: str, tmp_path: Path
    ) -> None:
        ledger = new_ledger(tmp_path)
        first = self._supporting(place, "find_batch", ledger=ledger)
        fault = place.faults.add(f"{self.trial.create} {action}")
        # it does not live to hear what became of it
        place.faults.add("* ** reset times=always", after=fault)
        batch = self._created(first, input_lines(self.trial))
        for _ in range(20):
            if fault.fired:
                break
            try:
                first.batches.wait(batch, wait_timeout=0.1)
            except WaitTimeoutError:
                continue
        first.close()
        place.faults.clear()
        client = place.client(ledger=ledger)
        ended = client.batches.wait(batch.id)
        self._check_made_once(place, fault, done=action == "lost")
        check_results(*joined(client, ended), outcomes_of(IDS))

    def test_a_ledger_settles_every_line_once(self, place: Emulated, tmp_path: Path) -> None:
        client = place.client(ledger=new_ledger(tmp_path))
        heard: list[Any] = []
        client.observe(heard.append)
        batch = self._ended(client, input_lines(self.trial))
        results, completeness = joined(client, batch)
        check_results(results, completeness, outcomes_of(IDS))
        ends = _waited(lambda: [one for one in heard if _is_end(one)])
        check(len(ends) == 1, f"{len(ends)} events tell of the end")
        totals = ends[0].totals
        used = sum((one.usage for one in results), Usage())
        check(totals is not None, "the end was told without totals")
        check(
            totals.usage.total_tokens == used.total_tokens,
            f"settled {totals.usage.total_tokens} tokens, and the results have {used.total_tokens}",
        )
        counts = batch.request_counts
        seen = None if counts is None else (counts.total, counts.completed, counts.failed)
        wanted = (len(IDS), 5, 3)
        check(seen == wanted, f"the counts are {seen}, and have to be {wanted}")
        receipt = client.batches.cost(batch)
        check(receipt.proof.complete, f"the receipt does not prove every line: {receipt.proof}")

    def test_the_gateway_serves_it(self, place: Emulated, tmp_path: Path) -> None:
        with (
            GatewayServer(tmp_path, [place]) as gateway,
            httpx.Client(base_url=f"{gateway.url}/", trust_env=False, timeout=30) as http,
        ):
            form = {"file": ("in.jsonl", input_lines(self.trial), "application/jsonl")}
            file = _json(http.post("files", files=form, data={"purpose": "batch"}))
            order = {
                "input_file_id": file["id"],
                "endpoint": self.trial.endpoint,
                "completion_window": "24h",
            }
            batch = _json(http.post("batches", json=order))
            for _ in range(POLLS):
                batch = _json(http.get(f"batches/{batch['id']}"))
                if batch["status"] in {"completed", "failed", "expired", "cancelled"}:
                    break
            check(batch["status"] == "completed", f"the gateway shows {batch}")
            lines = [
                *_values(http.get(f"files/{batch['output_file_id']}/content").content),
                *_values(http.get(f"files/{batch['error_file_id']}/content").content),
            ]
        found = {one["custom_id"]: _outcome(one) for one in lines}
        check(found == outcomes_of(IDS), f"the gateway's files have {found}")

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), EndToEndSuite)

    def _created(self, client: Client, lines: bytes, **options: Any) -> Batch:
        file = client.files.create(lines)
        return client.batches.create(file, self.trial.endpoint, **options)

    def _ended(self, client: Client, lines: bytes) -> Batch:
        return client.batches.wait(self._created(client, lines))

    def _supporting(self, place: Emulated, hook: str, **options: Any) -> Client:
        client = place.client(**options)
        if not client.account.supports(hook):
            pytest.skip(f"{self.provider} does not support {hook}")
        return client

    def _check_expiry(self, ledger: Any) -> Any:
        """Have a batch expire, and return its receipt, where there is a ledger."""
        if self.trial.expiry is None:
            pytest.skip("`trial` of the emulator says nothing of expiry")
        ids = ("a", "b", "c", "d")
        with self.emulated(**self.trial.expiry) as place:
            client = place.client(ledger=ledger)
            made = self._created(client, input_lines(self.trial, ids))
            with suppress(WaitTimeoutError):
                # a ledger's batch is created while somebody waits for it
                client.batches.wait(made, wait_timeout=STARTED)
            place.clock.advance(self.trial.window)
            batch = client.batches.wait(made)
            results, completeness = joined(client, batch)
            receipt = client.batches.cost(batch) if ledger else None
        check(batch.status == "expired", f"the batch ended {batch.status}")
        self._check_cut_short(ids, results, completeness, "expired")
        return receipt

    def _check_made_once(self, place: Emulated, fault: Any, *, done: bool = True) -> None:
        check(fault.fired == 1, f"no request was {self.trial.create}: what is it?")
        method, path = self.trial.create.split()
        sent = len(place.requests.matching(method, path))
        check(sent == (1 if done else 2), f"the create was sent {sent} times")

    def _check_cut_short(self, ids: Any, results: Any, completeness: Any, outcome: str) -> None:
        found = {one.custom_id: str(one.outcome) for one in results}
        check(completeness.complete, f"not every line is accounted for: {completeness}")
        check(sorted(found) == sorted(ids), f"the lines are {ids}, and the results of {found}")
        odd = set(found.values()) - {"ok", outcome}
        check(not odd, f"lines of a batch that ended {outcome} came to {found}")


def _is_end(event: Any) -> bool:
    ends = {"batch_success", "batch_failed", "batch_expired", "batch_cancelled"}
    return isinstance(event, BatchEvent) and event.hook in ends


def _waited(found: Callable[[], list[Any]]) -> list[Any]:
    """What listeners have heard: they are told in threads of their own, in real time."""
    until = time.monotonic() + PATIENCE
    while not found() and time.monotonic() < until:
        time.sleep(0.005)
    return found()


def _json(reply: httpx.Response) -> Any:
    check(reply.is_success, f"the gateway answered {reply.status_code}: {reply.text}")
    return reply.json()


def _values(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines() if line.strip()]


def _outcome(line: Any) -> str:
    response = line.get("response") or {}
    if (line.get("error") or {}).get("code") == NO_RESULT.code:
        # a ledger has a line of its own for what nobody answered
        return "missing"
    return "ok" if response.get("status_code") == 200 and not line.get("error") else "error"
