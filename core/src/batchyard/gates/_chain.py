"""Asking gates, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from batchyard.errors import InputError, PluginError
from batchyard.gates._rewrites import fault_of
from batchyard.hookspecs import GateLine, Verdict
from batchyard.models import BatchRequest
from batchyard.registry import Gate

__all__ = ["GateChain"]

log = logging.getLogger("batchyard.gates")

FAILED = "gate_failed"
"""The code of a refusal by a gate that raised, or answered what is no answer."""

REFUSED = "refused_by_gate"
"""The code of a refusal that brings none of its own."""

KEEP = Verdict.keep()


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

    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        """One verdict for each line: the first refusal, or the last of its rewrites."""
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
                if answer.data is not None:
                    line = current[number]
                    current[number] = GateLine(line.line, line.custom_id, answer.data)
        return verdicts

    def check_batch(self, batch: BatchRequest) -> Verdict:
        """Whether the batch may be created: the first refusal, if there is one."""
        for name, check in self._of_batches:
            answer = _called(name, check, batch)
            if answer is None or answer.action == "rewrite":
                return _failed(name, "batch")
            if answer.action != "keep":
                return _refusal(name, answer)
        return KEEP

    def admit(self, batch: BatchRequest) -> None:
        """Raise :class:`InputError` for a batch that may not be created."""
        verdict = self.check_batch(batch)
        if verdict.action == "refuse":
            raise InputError(verdict.message or REFUSED, code=verdict.code, param=verdict.param)


def _hooks(gates: Sequence[tuple[str, Gate]], hook: str) -> list[tuple[str, Callable[..., Any]]]:
    return [(name, getattr(gate, hook)) for name, gate in gates if hasattr(gate, hook)]


def _asked(name: str, check: Callable[..., Any], lines: tuple[GateLine, ...]) -> list[Verdict]:
    """What one gate says of each line, in a form that can be relied on."""
    answers = _called(name, check, lines)
    if answers is None:
        return [_failed(name, "line")] * len(lines)
    return [_relied_on(name, *pair) for pair in zip(lines, answers, strict=True)]


def _called(name: str, check: Callable[..., Any], subject: object) -> Any:
    """The gate's answer, or ``None`` if there is none."""
    try:
        return check(subject)
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
        return Verdict.rewrite(data)
    log.error("the gate %s rewrote line %d wrongly, so it refuses: %s", name, line.line, fault)
    return Verdict.refuse(FAILED, f"The gate {name!r} rewrote this line wrongly: {fault}")


def _failed(name: str, what: str) -> Verdict:
    return Verdict.refuse(FAILED, f"The gate {name!r} could not check this {what}, so it refuses.")


def _refusal(name: str, answer: Verdict) -> Verdict:
    """With a code and a message, and only texts that can be stored."""
    code = _text(answer.code) or REFUSED
    message = _text(answer.message) or f"The gate {name!r} refuses this."
    return Verdict.refuse(code, message, _text(answer.param))


def _text(value: object) -> str | None:
    """Without halves of surrogate pairs, which UTF-8 cannot express."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
