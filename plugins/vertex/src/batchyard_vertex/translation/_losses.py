"""What a translation leaves out, and what is told of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "MOST_FIELDS",
    "FieldLoss",
    "Kind",
    "Loss",
    "LossReport",
    "Notes",
    "approximated",
    "losses_in",
    "losses_of",
    "lost",
]

Kind: TypeAlias = Literal["lost", "approximated", "ignored"]
"""``lost``: the answer may differ for it.  ``approximated``: carried by near means.
``ignored``: it says nothing of the answer."""

MOST_FIELDS = 100
"""Of each kind: what is only told may not push what is lost out of the report."""

MOST_LINES = 10

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of one line.  ``field`` is as the line has it: ``messages[2].name``."""

    kind: Kind
    field: str
    reason: str

    @property
    def path(self) -> str:
        """The field without the places in arrays, so that lines have it in common."""
        return _INDEX.sub("[]", self.field)

    def named(self, field: str) -> Loss:
        return Loss(self.kind, field, self.reason)


Notes: TypeAlias = list[Loss]


def lost(field: str, reason: str) -> Loss:
    return Loss("lost", field, reason)


def approximated(field: str, reason: str) -> Loss:
    return Loss("approximated", field, reason)


@dataclass(frozen=True, slots=True)
class FieldLoss:
    """What became of one field of a file's lines.

    ``count`` is the number of lines that had it, ``lines`` the first ten of
    them, from 1.  ``field`` is relative to the body; ``[]`` stands for any place
    in an array.
    """

    kind: Kind
    field: str
    reason: str
    count: int
    lines: tuple[int, ...]


class LossReport:
    """Counts losses, with examples: it takes the same memory for any number of lines."""

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, str], tuple[str, list[int], list[int]]] = {}
        self._fields: Counter[Kind] = Counter()
        self._others: Counter[Kind] = Counter()

    def add(self, number: int, notes: Iterable[Loss]) -> None:
        """Take the notes of the line with that number."""
        told: set[tuple[Kind, str]] = set()
        for loss in notes:
            key = (loss.kind, loss.path)
            if key in told:
                continue
            told.add(key)
            found = self._found.get(key)
            if found is None:
                if self._fields[loss.kind] >= MOST_FIELDS:
                    self._others[loss.kind] += 1
                    continue
                self._fields[loss.kind] += 1
                found = self._found[key] = (loss.reason, [0], [])
            found[1][0] += 1
            if len(found[2]) < MOST_LINES:
                found[2].append(number)

    def fields(self) -> list[FieldLoss]:
        """What is lost first, then in the order of appearance."""
        order = ("lost", "approximated", "ignored")
        found = [
            FieldLoss(kind, path, reason, count[0], tuple(lines))
            for (kind, path), (reason, count, lines) in self._found.items()
        ]
        return sorted(found, key=lambda one: order.index(one.kind))

    def others(self, kind: Kind) -> int:
        """How many more of a kind there were, in fields that have no room in the report.

        A field counts once a line.
        """
        return self._others[kind]

    def as_json(self) -> dict[str, Any]:
        """What a file's record keeps, and :func:`losses_of` reads."""
        fields = [
            {
                "kind": one.kind,
                "field": one.field,
                "reason": one.reason,
                "count": one.count,
                "lines": list(one.lines),
            }
            for one in self.fields()
        ]
        others = self._others.total()
        return {"fields": fields, **({"others": others} if others else {})}


def losses_in(record: bytes) -> dict[str, Any]:
    """The report that is in a file's record; an empty one, if it cannot be read."""
    try:
        losses = msgspec.json.decode(record, type=dict[str, Any])["losses"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        return {}
    return losses if isinstance(losses, dict) else {}


def losses_of(state: Mapping[str, Any] | None) -> tuple[FieldLoss, ...]:
    """The report in a file's ``provider_state``; what cannot be read is left out."""
    report = (state or {}).get("losses")
    fields = report.get("fields") if isinstance(report, Mapping) else None
    found = []
    for one in fields if isinstance(fields, list) else []:
        try:
            lines = tuple(int(number) for number in one["lines"])
            found.append(
                FieldLoss(one["kind"], one["field"], one["reason"], int(one["count"]), lines)
            )
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)
