"""All sources of prices, asked in their order; what they answer is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from batchyard.models import Billing, Rates
from batchyard.prices._book import book
from batchyard.prices._context import PriceContext, PriceOptions
from batchyard.prices._names import names
from batchyard.registry import PriceSource, Registry

__all__ = ["Asked", "Found", "PriceSources"]

log = logging.getLogger("batchyard.prices")

DAY = 86_400

KEPT = 10_000
"""Answers that are kept: a guard against models that are named anew each time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a price is asked for: a model as it is billed, on a day (of Unix time)."""

    billing: Billing
    requested: str | None
    provider: str
    account: str
    day: int


@dataclass(frozen=True, slots=True)
class Found:
    """Rates, or why there are none."""

    rates: Rates | None
    reason: str | None = None


class PriceSources:
    """Finds the rates of a model, each once for a day.  Safe to use from many threads."""

    def __init__(self, sources: Iterable[PriceSource]) -> None:
        self._sources = tuple(sources)
        self._kept: dict[Asked, Found] = {}
        self._edition: tuple[str, ...] = ()

    @classmethod
    def load(cls, registry: Registry, options: PriceOptions | None = None) -> PriceSources:
        """The sources of *options*, or all that are installed.

        Raises :class:`~batchyard.errors.PluginError` where one cannot be used:
        without it, batches would be priced by another's prices.
        """
        options = options or PriceOptions()
        made = cls(())
        context = PriceContext(options, made.list_price)
        wanted = options.sources
        chosen = wanted or dict.fromkeys(one.name for one in registry.installed("prices"))
        sources = [PriceSource.load(registry, name, context) for name in chosen]
        if wanted is None:
            sources.sort(key=lambda one: (one.rank, one.name))
        made._sources = tuple(sources)
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The sources in the order in which they are asked."""
        return tuple(one.name for one in self._sources)

    def rates(self, asked: Asked) -> Found:
        """The rates that the first source to answer has for any of the model's names."""
        edition = tuple(one.edition for one in self._sources)
        if edition != self._edition or len(self._kept) >= KEPT:
            self._kept = {}
            self._edition = edition
        kept = self._kept.get(asked)
        if kept is None:
            kept = self._kept[asked] = self._found(asked)
        return kept

    def list_price(
        self, model: str, provider: str, region: str | None, at: float, account: str
    ) -> Rates | None:
        """What the model costs one by one, for sources that derive from it."""
        return self._first(
            lambda source: source.rates(
                model=model,
                provider=provider,
                region=region,
                tier="list",
                at=at,
                account=account,
                requested=None,
                discount=None,
            )
        )

    def _found(self, asked: Asked) -> Found:
        if not self._sources:
            return Found(None, "no price source is asked: [prices] sources names none")
        known = names(asked.billing.model, asked.requested, book().families)
        if not known:
            return Found(None, "the results do not say which model answered")
        try:
            rates = self._first(lambda source: _of_any(source, known, asked))
        except _SourceError as error:
            return Found(None, str(error))
        return Found(rates, None if rates else f"no price of {known[0]} is known")

    def _first(self, ask: Callable[[PriceSource], Rates | None]) -> Rates | None:
        for source in self._sources:
            try:
                rates = ask(source)
            except _SourceError:
                raise
            except Exception as error:
                log.exception("price source %s failed", source.name)
                raise _SourceError(
                    f"the price source {source.name} failed: {type(error).__name__}"
                ) from error
            if rates is not None:
                return rates
        return None


class _SourceError(Exception):
    """A source failed: whatever the ones after it say is not to be trusted instead."""


def _of_any(source: PriceSource, known: tuple[str, ...], asked: Asked) -> Rates | None:
    rest: dict[str, Any] = {
        "provider": asked.billing.provider or asked.provider,
        "region": asked.billing.region,
        "tier": asked.billing.tier,
        "at": float(asked.day * DAY),
        "account": asked.account,
        "requested": asked.requested,
        "discount": asked.billing.discount,
    }
    answers = (source.rates(model=name, **rest) for name in known)
    return next((one for one in answers if one is not None), None)
