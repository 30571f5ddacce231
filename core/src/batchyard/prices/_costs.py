"""What tokens cost at given rates: exact, and rounded once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from batchyard.models import Rates, Usage
from batchyard.prices._money import EXACT, rounded

__all__ = ["Band", "Cost", "Span", "band_of", "cost_of", "free"]

MILLION = Decimal(1_000_000)

Band: TypeAlias = Literal["standard", "long", "unknown"]


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, or why they are not known."""

    amount: Decimal | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Requests of which each has more than ``above`` input tokens, and at most ``most``."""

    above: int
    most: int | None
    lines: int
    tokens: int


def band_of(span: Span, threshold: int | None) -> Band:
    """On which side of *threshold* all the requests are; ``unknown`` where that is not sure."""
    if threshold is None or span.tokens <= threshold:
        return "standard"
    if span.most is not None and span.most <= threshold:
        return "standard"
    if span.above >= threshold or span.lines == 1:
        return "long"
    return "unknown"


def cost_of(usage: Usage, rates: Rates, band: Band) -> Cost:
    """The cost of all of *usage*, every request of which is in *band*."""
    if band == "unknown":
        return Cost(None, f"which requests exceed {rates.long_context_above} tokens is not known")
    used = rates if band == "standard" else rates.long_context
    if used is None:
        return Cost(None, f"no price above {rates.long_context_above} input tokens is known")
    total = Decimal(0)
    for name, tokens, rate in _parts(usage, used):
        if tokens < 0:
            return Cost(None, "its token counts contradict each other")
        if not tokens:
            continue
        if rate is None:
            return Cost(None, f"the price of {name} tokens is not known")
        total = EXACT.add(total, EXACT.multiply(Decimal(tokens), rate))
    return Cost(rounded(EXACT.divide(total, MILLION)))


def free(rates: Rates) -> bool:
    """Whether no token of it costs anything, however many there were."""
    return not rates.input and not rates.output and rates.long_context is None


def _parts(usage: Usage, rates: Rates) -> tuple[tuple[str, int, Decimal | None], ...]:
    """Each kind of token once: what has a price of its own is taken out of the plain ones."""
    plain_input = (
        usage.input_tokens
        - usage.cached_tokens
        - usage.cache_write_tokens
        - usage.input_audio_tokens
        - usage.input_image_tokens
    )
    plain_output = usage.output_tokens - usage.output_audio_tokens - usage.output_image_tokens
    return (
        ("input", plain_input, rates.input),
        ("cached input", usage.cached_tokens, rates.cached_input),
        ("cache write", usage.cache_write_tokens, rates.cache_write),
        ("input audio", usage.input_audio_tokens, rates.input_audio),
        ("input image", usage.input_image_tokens, rates.input_image),
        ("output", plain_output, rates.output),
        ("output audio", usage.output_audio_tokens, rates.output_audio),
        ("output image", usage.output_image_tokens, rates.output_image),
    )
