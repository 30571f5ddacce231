"""What a translation leaves out, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

__all__ = [
    "FieldLoss",
    "Kind",
    "Loss",
    "LossReport",
    "Notes",
    "RefusedError",
    "approximated",
    "ignored",
    "losses_of",
    "lost",
]

Kind: TypeAlias = Literal["lost", "approximated", "ignored"]
"""``lost``: the answer may differ for it.  ``approximated``: carried by near means.
``ignored``: it says nothing of the answer."""

KINDS: tuple[Kind, ...] = ("lost", "approximated", "ignored")

MOST_FIELDS = 100
MOST_LINES = 10

_INDEX = re.compile(r"\[\d+\]")


class RefusedError(Exception):
    """A line cannot be carried at all.  ``param`` is the field, from the line's own root."""

    def __init__(self, message: str, param: str | None, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of one line.  ``field`` is as the body has it: ``messages[2].name``."""

    kind: Kind
    field: str
    reason: str


Notes: TypeAlias = list[Loss]


def lost(field: str, reason: str) -> Loss:
    return Loss("lost", field, reason)


def approximated(field: str, reason: str) -> Loss:
    return Loss("approximated", field, reason)


def ignored(field: str, reason: str) -> Loss:
    return Loss("ignored", field, reason)


@dataclass(frozen=True, slots=True)
class FieldLoss:
    """What became of one field of a file's lines.

    ``count`` is the number of lines that had it, ``lines`` the first ten of them,
    from 1.  ``field`` is relative to the body; ``[]`` stands for any place in an array.
    """

    kind: Kind
    field: str
    reason: str
    count: int
    lines: tuple[int, ...]


class LossReport:
    """Counts losses, with examples, in the same memory for any number of lines."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], FieldLoss] = {}
        self.others = 0
        """Losses of fields that have no room in the report."""

    def add(self, number: int, notes: Iterable[Loss]) -> None:
        """Take the notes of the line with that number: a field counts once a line."""
        seen = {(one.kind, _INDEX.sub("[]", one.field)): one for one in reversed(list(notes))}
        for key, one in seen.items():
            found = self._found.get(key)
            if found is None and len(self._found) >= MOST_FIELDS:
                self.others += 1
                continue
            found = found or FieldLoss(one.kind, key[1], one.reason, 0, ())
            lines = (*found.lines, number) if len(found.lines) < MOST_LINES else found.lines
            self._found[key] = replace(found, count=found.count + 1, lines=lines)

    def fields(self) -> list[FieldLoss]:
        """What is lost first, then in the order of appearance."""
        return sorted(self._found.values(), key=lambda one: KINDS.index(one.kind))

    def as_json(self) -> dict[str, Any]:
        """What a file's record keeps, and :func:`losses_of` reads."""
        fields = [{**asdict(one), "lines": list(one.lines)} for one in self.fields()]
        return {"fields": fields, **({"others": self.others} if self.others else {})}


def losses_of(state: Mapping[str, Any] | None) -> tuple[FieldLoss, ...]:
    """The report in a file's ``provider_state``; what cannot be read is left out."""
    report = (state or {}).get("losses")
    fields = report.get("fields") if isinstance(report, Mapping) else None
    found = []
    for one in fields if isinstance(fields, list) else []:
        try:
            lines = tuple(int(number) for number in one["lines"])
            count = int(one["count"])
            found.append(FieldLoss(one["kind"], one["field"], one["reason"], count, lines))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)
