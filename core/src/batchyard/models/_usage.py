"""Tokens of one line, and of many."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

__all__ = ["OUTCOMES", "Outcome", "Totals", "Usage"]

Outcome: TypeAlias = Literal["ok", "error", "blocked", "expired", "cancelled", "refused", "missing"]
"""What became of an input line: a closed set."""

OUTCOMES: tuple[Outcome, ...] = (
    "ok",
    "error",
    "blocked",
    "expired",
    "cancelled",
    "refused",
    "missing",
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one response used.

    ``cached_tokens``, ``cache_write_tokens`` and the ``input_…`` ones are part of
    ``input_tokens``; ``reasoning_tokens`` and the ``output_…`` ones of ``output_tokens``.
    ``created`` is when the response was made (Unix seconds), where it says so.
    ``known`` is false where the response carries no usage, which is not the same
    as none used.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_image_tokens: int = 0
    model: str | None = None
    created: int | None = None
    known: bool = True

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """The sum, which is of no one model."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.input_audio_tokens + other.input_audio_tokens,
            self.output_audio_tokens + other.output_audio_tokens,
            self.input_image_tokens + other.input_image_tokens,
            self.output_image_tokens + other.output_image_tokens,
            known=self.known and other.known,
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """What a batch came to, read from its files.

    ``response_cost`` is in US dollars; ``None`` is *unknown*, never nothing.
    """

    usage: Usage
    lines: int
    response_cost: Decimal | None = None
