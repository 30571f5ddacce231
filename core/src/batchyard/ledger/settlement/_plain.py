"""Answers whose usage is where it should be, taken many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add, attrgetter, le
from typing import Any, Literal

import msgspec

from batchyard.ledger.settlement._sums import COUNTS, make_usage
from batchyard.models import Usage
from batchyard.steps import MOST_TOKENS, UsageShape

__all__ = ["Answers", "Shape", "plain"]

_PARTS = (
    ("input_tokens", ("cached_tokens", "cache_write_tokens")),
    ("input_tokens", ("input_audio_tokens", "input_image_tokens")),
    ("output_tokens", ("output_audio_tokens", "output_image_tokens")),
    ("output_tokens", ("reasoning_tokens",)),
)
"""Counts, and those that are part of them."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Some lines, column by column; ``counts`` has one for each of COUNTS.

    ``agrees`` is false if counts of some line contradict each other, or are beyond belief.
    """

    custom_ids: Sequence[str]
    models: Sequence[str | None]
    created: Sequence[int]
    counts: list[Sequence[int]]
    agrees: bool

    def usages(self) -> Iterator[Usage]:
        """Line by line."""
        for model, created, *counts in zip(self.models, self.created, *self.counts, strict=True):
            yield make_usage(*counts, model=model, created=created)


class Shape:
    """Reads lines that were answered, and fit a shape that the usage reader names.

    Without a step of Python for each line, which is what makes it fast.
    """

    def __init__(self, shape: UsageShape) -> None:
        response = msgspec.defstruct(
            "Response", [("status_code", Literal[200]), ("body", shape.body)], gc=False
        )
        line = msgspec.defstruct(
            "Line", [("custom_id", str), ("response", response), ("error", None, None)], gc=False
        )
        self._decode = msgspec.json.Decoder(line).decode
        self._fields = {
            name: number
            for number, name in enumerate(one for one in _FIELDS if one in shape.fields)
        }
        self._columns: Callable[[Any], tuple[Any, ...]] = attrgetter(
            *(shape.fields[name] for name in self._fields)
        )

    def take(self, lines: list[bytes]) -> list[Any] | None:
        """The lines, decoded, or ``None`` unless all are plainly right."""
        try:
            return list(map(self._decode, lines))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def answers(self, taken: list[Any]) -> Answers:
        """What :meth:`take` returned, once or more often."""
        columns = list(zip(*map(self._columns, map(_body, taken)), strict=True))
        fields, nothing = self._fields, (0,) * len(taken)
        counts = {name: columns[fields[name]] if name in fields else nothing for name in COUNTS}
        return Answers(
            list(map(_custom_id, taken)),
            columns[fields["model"]] if "model" in fields else (None,) * len(taken),
            columns[fields["created"]] if "created" in fields else nothing,
            list(counts.values()),
            max(map(max, (counts["input_tokens"], counts["output_tokens"]))) <= MOST_TOKENS
            and all(
                _within(counts[whole], *map(counts.__getitem__, parts)) for whole, parts in _PARTS
            ),
        )


@lru_cache(maxsize=64)
def plain(shape: UsageShape) -> Shape:
    """What reads the shape; making it takes longer than settling a few lines."""
    return Shape(shape)


_FIELDS = ("model", "created", *COUNTS)
_custom_id = attrgetter("custom_id")
_body = attrgetter("response.body")


def _within(whole: Sequence[int], *parts: Sequence[int]) -> bool:
    """Whether, line by line, the parts are no more than the whole."""
    used = [part for part in parts if any(part)]
    if not used:
        return True
    total = used[0] if len(used) == 1 else map(add, *used)
    return all(map(le, total, whole))
