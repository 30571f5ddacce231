"""Counting what gates make of a file, with examples: bounded, whatever the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from batchyard.gates._chain import Ruling
from batchyard.hookspecs import GateLine
from batchyard.models import FileReport, GateReport, ReportedLine, ReportedReason

__all__ = ["Tally"]

EXAMPLES, REASONS = 10, 100
"""Examples of a reason, and reasons of a gate: the rest is counted together."""

OTHERS = "others"

LONGEST = 500
"""Characters of a text that is repeated."""

Action = Literal["refuse", "rewrite"]


@dataclass(slots=True)
class _Reason:
    lines: int = 0
    count: int = 0
    examples: list[ReportedLine] = field(default_factory=list)


@dataclass(slots=True)
class _OfGate:
    refused: int = 0
    rewritten: int = 0
    reasons: dict[tuple[Action, str], _Reason] = field(default_factory=dict)

    def add(self, line: GateLine, action: Action, why: str, count: int, said: str | None) -> None:
        key = (action, why[:LONGEST])
        if key not in self.reasons and len(self.reasons) >= REASONS:
            key = (action, OTHERS)
        reason = self.reasons.setdefault(key, _Reason())
        reason.lines += 1
        reason.count += count
        if len(reason.examples) < EXAMPLES:
            name = line.custom_id[:LONGEST]
            message = None if said is None else said[:LONGEST]
            reason.examples.append(ReportedLine(line=line.line, custom_id=name, message=message))


class Tally:
    """What was ruled of the lines of one file."""

    def __init__(self) -> None:
        self.rewritten = 0
        self._gates: dict[str, _OfGate] = {}

    def take(self, lines: Sequence[GateLine], ruling: Ruling) -> None:
        line, verdict = lines[ruling.line], ruling.verdict
        gate = self._gates.setdefault(ruling.gate, _OfGate())
        if verdict.action == "refuse":
            gate.refused += 1
            gate.add(line, "refuse", verdict.code or "", 1, verdict.message)
            return
        gate.rewritten += 1
        for what, count in (verdict.changes or {"rewritten": 1}).items():
            gate.add(line, "rewrite", what, count, None)

    def report(self, file_id: str, lines: int, refused: int) -> FileReport:
        return FileReport(
            file_id=file_id,
            lines=lines,
            refused=refused,
            rewritten=self.rewritten,
            gates=tuple(_shown(name, one) for name, one in self._gates.items()),
        )


def _shown(name: str, gate: _OfGate) -> GateReport:
    return GateReport(
        gate=name,
        refused=gate.refused,
        rewritten=gate.rewritten,
        reasons=tuple(
            ReportedReason(
                action=action,
                reason=why,
                lines=one.lines,
                count=one.count,
                examples=tuple(one.examples),
            )
            for (action, why), one in gate.reasons.items()
        ),
    )
