"""Asking gates, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from batchyard.errors import InputError, PluginError
from batchyard.gates._rewrites import fault_of
from batchyard.hookspecs import Admission, GateLine, Reservation, Verdict
from batchyard.models import BatchRequest
from batchyard.registry import Gate

__all__ = ["GateChain", "Ruling"]

log = logging.getLogger("batchyard.gates")

FAILED = "gate_failed"
"""The code of a refusal by a gate that raised, or answered what is no answer."""

REFUSED = "refused_by_gate"
"""The code of a refusal that brings none of its own."""

KEEP = Verdict.keep()

MOST = Decimal(1_000_000_000)
"""US dollars that a reservation may be about, so that sums of them fit into 64 bits of nanos."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a gate, by its name, made of a line that it did not leave as it was.

    ``line`` is its place among those that were asked about.
    """

    gate: str
    line: int
    verdict: Verdict


class GateChain:
    """Gates by name, in the order in which they are asked.

    A gate is a plugin as in :class:`~batchyard.hookspecs.GateSpec`, or a
    :class:`~batchyard.registry.Gate` around one.  Each sees what its predecessors
    left, and nothing of what they refused.  One that raises, gives anything but a
    verdict for each line, or rewrites a line into what is no line of the file any
    more refuses: it fails closed.  Gates block, so call this off the event loop.

    Raises :class:`~batchyard.errors.PluginContractError` for what is no gate.
    """

    def __init__(self, gates: Sequence[tuple[str, object]] = ()) -> None:
        made = [(name, one if isinstance(one, Gate) else Gate(name, one)) for name, one in gates]
        self.names = tuple(name for name, _ in made)
        self._of_lines = _hooks(made, "check_lines")
        self._of_batches = _hooks(made, "check_batch")

    def __bool__(self) -> bool:
        return bool(self.names)

    def __repr__(self) -> str:
        return f"GateChain({', '.join(self.names)})"

    @property
    def sees_lines(self) -> bool:
        """Whether any of them looks at lines at all."""
        return bool(self._of_lines)

    def check_lines(
        self, lines: Sequence[GateLine], tell: Callable[[Ruling], object] | None = None
    ) -> list[Verdict]:
        """One verdict for each line: the first refusal, or the last of its rewrites.

        *tell* is told each refusal and each rewrite, of whichever gate.
        """
        verdicts = [KEEP] * len(lines)
        current = list(lines)
        for name, check in self._of_lines:
            left = [number for number, one in enumerate(verdicts) if one.action != "refuse"]
            if not left:
                break
            answers = _asked(name, check, tuple(current[number] for number in left))
            for number, answer in zip(left, answers, strict=True):
                if answer.action == "keep":
                    continue
                verdicts[number] = answer
                if tell is not None:
                    tell(Ruling(name, number, answer))
                if answer.data is not None:
                    line = current[number]
                    current[number] = GateLine(line.line, line.custom_id, answer.data)
        return verdicts

    def check_batch(self, batch: BatchRequest, admission: Admission | None = None) -> Verdict:
        """Whether the batch may be created: the first refusal, if there is one.

        One that is kept brings the reservations of all gates.
        """
        reservations: list[Reservation] = []
        for name, check in self._of_batches:
            answer = _called(name, check, batch, admission)
            if answer is None or answer.action == "rewrite":
                return _failed(name, "batch")
            if answer.action != "keep":
                return _refusal(name, answer)
            fault = _fault_of(answer.reservations, kept=admission is not None)
            if fault is not None:
                log.error("the gate %s refuses, since it failed: %s", name, fault)
                return _failed(name, "batch")
            reservations += answer.reservations
        return Verdict.keep(*reservations)

    def admit(
        self, batch: BatchRequest, admission: Admission | None = None
    ) -> tuple[Reservation, ...]:
        """What is to be reserved for the batch.

        Raises :class:`InputError` for one that may not be created.
        """
        verdict = self.check_batch(batch, admission)
        if verdict.action == "refuse":
            raise InputError(verdict.message or REFUSED, code=verdict.code, param=verdict.param)
        return verdict.reservations


def _fault_of(reservations: object, *, kept: bool) -> str | None:
    """What is wrong with a gate's reservations, if anything is."""
    if not isinstance(reservations, tuple):
        return "its reservations are no tuple"
    for one in reservations:
        if not isinstance(one, Reservation) or not one.budget:
            return "a reservation of it is none, or names no budget"
        if not all(map(_is_money, (one.amount, one.limit))):
            return f"what it reserves of {one.budget} is no amount of US dollars, as a Decimal"
    return "it reserves something, and nothing is kept here" if reservations and not kept else None


def _is_money(amount: object) -> bool:
    return isinstance(amount, Decimal) and amount.is_finite() and 0 <= amount < MOST


def _hooks(gates: Sequence[tuple[str, Gate]], hook: str) -> list[tuple[str, Callable[..., Any]]]:
    return [(name, getattr(gate, hook)) for name, gate in gates if hasattr(gate, hook)]


def _asked(name: str, check: Callable[..., Any], lines: tuple[GateLine, ...]) -> list[Verdict]:
    """What one gate says of each line, in a form that can be relied on."""
    answers = _called(name, check, lines)
    if answers is None:
        return [_failed(name, "line")] * len(lines)
    return [_relied_on(name, *pair) for pair in zip(lines, answers, strict=True)]


def _called(name: str, check: Callable[..., Any], *subjects: object) -> Any:
    """The gate's answer, or ``None`` if there is none."""
    try:
        return check(*subjects)
    except PluginError as error:
        log.error("the gate %s refuses, since it failed: %s", name, error)  # noqa: TRY400 - the cause is in the text
        return None


def _relied_on(name: str, line: GateLine, answer: Verdict) -> Verdict:
    if answer.action == "keep":
        return KEEP
    if answer.action != "rewrite":
        return _refusal(name, answer)
    data = answer.data.strip() if isinstance(answer.data, bytes) else b""
    if data == line.data:
        return KEEP
    fault = fault_of(line.data, data)
    if fault is None:
        return Verdict.rewrite(data, _changes(answer.changes))
    log.error("the gate %s rewrote line %d wrongly, so it refuses: %s", name, line.line, fault)
    return Verdict.refuse(FAILED, f"The gate {name!r} rewrote this line wrongly: {fault}")


def _failed(name: str, what: str) -> Verdict:
    return Verdict.refuse(FAILED, f"The gate {name!r} could not check this {what}, so it refuses.")


def _refusal(name: str, answer: Verdict) -> Verdict:
    """With a code and a message, and only texts that can be stored."""
    code = _text(answer.code) or REFUSED
    message = _text(answer.message) or f"The gate {name!r} refuses this."
    return Verdict.refuse(code, message, _text(answer.param))


def _changes(stated: object) -> Mapping[str, int]:
    """Those that can be counted and stored."""
    if not isinstance(stated, Mapping):
        return {}
    return {
        str(_text(what)): count
        for what, count in stated.items()
        if isinstance(count, int) and count > 0
    }


def _text(value: object) -> str | None:
    """Without halves of surrogate pairs, which UTF-8 cannot express."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
