"""From genai-prices' records to rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

from batchyard.models import Rates

__all__ = ["find", "rates"]

PROVIDERS = {"vertex": "google", "gemini": "google"}
"""Batchyard's names of providers, where the data set has others."""

BATCH = {"processing": "batch"}

FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
    "input_image": "input_image_mtok",
    "output_image": "output_image_mtok",
}

MULTIPLIED = {"openai"}
"""Providers whose discounts of cache and batch multiply (OpenAI, pricing)."""

KEPT = {"google"}
"""Providers whose discount of the cache takes precedence (Vertex AI, batch inference)."""


EXACT = Context(prec=60)
"""Not the thread's own context, which belongs to whoever asks."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """Amounts up to a number of input tokens, and above it, if that makes a difference.

    ``above`` is ``None`` where the amounts beyond the threshold are not known.
    """

    short: Mapping[str, Decimal]
    threshold: int | None = None
    above: Mapping[str, Decimal] | None = None


def find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """The provider's own model of exactly that name.

    Not another provider's that it falls back to: that one has its own prices in
    batches, or none, and the library then answers with the price of single requests.
    """
    wanted = PROVIDERS.get(provider, provider)
    for one in get_snapshot().providers:
        if one.id == wanted:
            for info in one.models:
                if model == info.id or model in _equals(info.match):
                    return one, info
    return None


def rates(provider: Provider, info: ModelInfo, tier: str, at: float, edition: str) -> Rates | None:
    """Its rates at that time (Unix seconds) in *tier*, ``batch`` or ``list``, if known."""
    when = datetime.fromtimestamp(at, UTC)
    listed = _tiers(info.get_prices(when), None)
    if tier == "list":
        return _rates(listed, listed, edition)
    variant = _active_variant(info, when)
    if tier != "batch" or variant is None:
        return None
    tiers = _with_cached(_tiers(variant.prices, listed), listed, provider.id)
    found = _rates(tiers, listed, edition)
    return found and replace(found, valid_from=_start(variant))


def _equals(match: Any) -> Iterator[str]:
    """The names that a model is said to have; matching by beginnings takes in its successors."""
    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for one in match.or_:
            yield from _equals(one)


def _active_variant(info: ModelInfo, when: datetime) -> PriceVariant | None:
    for variant in info.price_variants or ():
        constraint = variant.constraint
        # one by the time of day is for nobody who knows only the day
        dated = constraint is None or isinstance(constraint, StartDateConstraint)
        if dict(variant.when) == BATCH and dated and (not constraint or constraint.active(when)):
            return variant
    return None


def _start(variant: PriceVariant) -> int | None:
    if not isinstance(variant.constraint, StartDateConstraint):
        return None
    day = variant.constraint.start_date
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _tiers(price: ModelPrice, listed: Tiers | None) -> Tiers:
    """The amounts; flat ones of a batch, where the list has tiers, say nothing of long requests."""
    amounts = {name: getattr(price, field) for name, field in FIELDS.items()}
    short = {name: _below(one) for name, one in amounts.items() if one is not None}
    tiered = {name: one for name, one in amounts.items() if isinstance(one, TieredPrices)}
    steps = {tier.start for one in tiered.values() for tier in one.tiers}
    if listed is not None and listed.threshold is not None and not steps:
        return Tiers(short, listed.threshold)
    if len(steps) != 1:
        return Tiers(short, min(steps, default=None))
    long = {name: tiered[name].tiers[-1].price if name in tiered else short[name] for name in short}
    return Tiers(short, steps.pop(), long)


def _below(amount: Decimal | TieredPrices) -> Decimal:
    return amount.base if isinstance(amount, TieredPrices) else amount


def _with_cached(batch: Tiers, listed: Tiers, provider: str) -> Tiers:
    """Fill in what cached input costs, where a variant does not say it.

    The library takes the list price for it, whatever the provider's rule is.
    """
    short = _cached(batch.short, listed.short, provider)
    above = batch.above and _cached(batch.above, listed.above or {}, provider)
    return Tiers(short, batch.threshold, above)


def _cached(
    batch: Mapping[str, Decimal], listed: Mapping[str, Decimal], provider: str
) -> Mapping[str, Decimal]:
    cached, full = listed.get("cached_input"), listed.get("input")
    if "cached_input" in batch or "input" not in batch or cached is None or not full:
        return batch
    if provider in MULTIPLIED:
        product = EXACT.multiply(cached, batch["input"])
        return {**batch, "cached_input": EXACT.divide(product, full)}
    if provider in KEPT:
        return {**batch, "cached_input": min(cached, batch["input"])}
    return batch


def _rates(tiers: Tiers, listed: Tiers, edition: str) -> Rates | None:
    short = _whole(tiers.short, listed.short)
    if short is None:
        return None
    above = _whole(tiers.above, listed.short) if tiers.above else None
    return Rates(
        **short,
        source="genai-prices",
        version=edition,
        long_context_above=tiers.threshold,
        long_context=Rates(**above) if above else None,
    )


def _whole(amounts: Mapping[str, Decimal], listed: Mapping[str, Decimal]) -> dict[str, Any] | None:
    """The amounts, if there are both of a request's; a model that writes nothing has only one."""
    if "input" not in amounts:
        return None
    if "output" not in amounts and "output" in listed:
        return None
    return {"output": Decimal(0), **amounts}
