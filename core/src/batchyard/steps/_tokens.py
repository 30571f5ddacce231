"""What services mean by their counts of tokens, brought to one meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from batchyard.models import Usage

__all__ = ["MOST_TOKENS", "Standing", "UsageShape", "normalised"]

MOST_TOKENS = 2**40
"""No request has more, and the sum of a million such requests fits into 64 bits."""

Standing: TypeAlias = Literal["inside", "beside"]


@dataclass(frozen=True, slots=True, eq=False)
class UsageShape:
    """Where a response body holds its counts, so that many lines are read at once.

    A usage reader may have some as ``shapes``, each made once, in its module.
    Lines whose body can be decoded into *body* are then not given to it one by one.
    *fields* maps names of :class:`Usage` to dotted paths in *body*; ``input_tokens``
    and ``output_tokens`` must be among them, and every count must be a whole
    number from 0.  Lines that the reader would read differently must not fit *body*.
    """

    body: type[msgspec.Struct]
    fields: Mapping[str, str]


def normalised(
    usage: Usage, *, cached: Standing = "inside", reasoning: Standing = "inside"
) -> Usage:
    """The counts as :class:`Usage` means them, whatever the service's convention.

    *cached* says where the service counts ``cached_tokens`` and ``cache_write_tokens``:
    inside its input tokens, or beside them; *reasoning* likewise for
    ``reasoning_tokens`` and its output tokens.  Counts that contradict each
    other, or are beyond belief, make the usage *unknown*: a guess would be a wrong price.
    """
    if cached == "beside":
        more = usage.cached_tokens + usage.cache_write_tokens
        usage = replace(usage, input_tokens=usage.input_tokens + more)
    if reasoning == "beside":
        usage = replace(usage, output_tokens=usage.output_tokens + usage.reasoning_tokens)
    if _agrees(usage):
        return usage
    return Usage(model=usage.model, created=usage.created, known=False)


def _agrees(usage: Usage) -> bool:
    parts = (
        (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens),
        (usage.input_tokens, usage.input_audio_tokens, usage.input_image_tokens),
        (usage.output_tokens, usage.output_audio_tokens, usage.output_image_tokens),
        (usage.output_tokens, usage.reasoning_tokens, 0),
    )
    return all(min(one) >= 0 and one[1] + one[2] <= one[0] <= MOST_TOKENS for one in parts)
