"""What is said of where a batch is to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from batchyard.errors import InputError

__all__ = ["Hint", "HintKind", "conflict", "fields_of", "kept_hints", "shown", "stated_hints"]

HintKind: TypeAlias = Literal["provider", "model", "account"]

KINDS: tuple[HintKind, ...] = ("provider", "model", "account")

SHOWN = 100
"""Characters of a value in a message."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that was said: ``values`` are several where any of them will do.

    ``source`` says where it stood, in words for whoever wrote it.
    """

    kind: HintKind
    values: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        return f"{self.source}: {' or '.join(map(shown, self.values))}"


def shown(value: str) -> str:
    """Somebody's text, as a message may have it."""
    return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}…")


def stated_hints(hints: Sequence[Hint]) -> tuple[Hint, ...]:
    """One hint of each kind.  Raises :class:`InputError` where two of a kind differ."""
    found: dict[HintKind, Hint] = {}
    for kind in KINDS:
        alike = [one for one in hints if one.kind == kind]
        if len({frozenset(one.values) for one in alike}) > 1:
            raise conflict([str(one) for one in alike])
        if alike:
            found[kind] = alike[0]
    return tuple(found.values())


def conflict(said: Sequence[str]) -> InputError:
    """The error that names all that cannot hold together."""
    return InputError(
        f"These contradict each other: {'; '.join(said)}. Leave out what is wrong.",
        code="conflicting_hints",
        param="model",
    )


def fields_of(hints: Sequence[Hint]) -> dict[str, list[str]]:
    """The hints as they are written down: what was said, and not where."""
    return {one.kind: sorted(set(one.values)) for one in hints}


def kept_hints(fields: Mapping[str, Any] | None) -> tuple[Hint, ...]:
    """The hints that were written down with a file."""
    return tuple(
        Hint(kind, tuple(fields[kind]), f"{kind} of the upload")
        for kind in KINDS
        if fields and fields.get(kind)
    )
