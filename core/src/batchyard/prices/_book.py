"""Core's own prices, from the dated file beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Literal

from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices._money import EXACT

__all__ = [
    "AMOUNTS",
    "DERIVED",
    "Book",
    "BookPrices",
    "Discount",
    "book",
    "maker_of",
    "priced_models",
    "scaled",
]

FILE = "book.toml"

DERIVED = "derived"
"""The basis of rates that no list has."""

AMOUNTS = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
)
"""The fields of :class:`Rates` that are dollars."""


@dataclass(frozen=True, slots=True)
class Discount:
    """How a provider's batches are cheaper than single requests, to derive prices by.

    ``share`` of the list price is paid.  ``cached`` says whether the discounts of
    cache and batch ``multiply``, or the cache's is ``kept`` alone; where that is
    ``unknown``, so is what cached input costs.
    """

    share: Decimal
    cached: Literal["multiply", "kept", "unknown"]
    models: tuple[str, ...] = ("",)
    but: tuple[str, ...] = ()

    def holds_for(self, model: str) -> bool:
        """By what the name begins with, without whose it is."""
        name = model.rpartition("/")[2]
        return name.startswith(self.models) and not name.startswith(self.but)


@dataclass(frozen=True, slots=True)
class Book:
    """The file: for each provider and model its rates, newest first."""

    version: str
    prices: Mapping[tuple[str, str], tuple[Rates, ...]]
    families: Mapping[str, str]
    uplifts: Mapping[tuple[str, str], tuple[Decimal, str]]
    discounts: Mapping[str, tuple[Discount, ...]]
    other_names: Mapping[str, tuple[str, ...]]

    def find(self, model: str, provider: str, region: str | None, at: float) -> Rates | None:
        """The rates that held at that time."""
        for rates in self.prices.get((provider, model), ()):
            if rates.valid_from is None or rates.valid_from <= at:
                return self.regional(rates, provider, region)
        return None

    def discount(self, provider: str, model: str) -> Discount | None:
        """How the model's batches are cheaper; ``None`` where nobody knows."""
        known = self.discounts.get(provider, ())
        return next((one for one in known if one.holds_for(model)), None)

    def regional(self, rates: Rates, provider: str, region: str | None) -> Rates:
        """The same rates where a region's are known only as a part more."""
        uplift = self.uplifts.get((provider, region or ""))
        if uplift is None:
            return rates
        factor, basis = uplift
        return scaled(rates, factor, basis=rates.basis if rates.basis == DERIVED else basis)


class BookPrices:
    """The file as a source."""

    rank: ClassVar[int] = 200

    @property
    def edition(self) -> str:
        return book().version

    @hookimpl
    def rates(
        self, model: str, provider: str, region: str | None, tier: str, at: float
    ) -> Rates | None:
        return book().find(model, provider, region, at) if tier == "batch" else None


def scaled(rates: Rates, factor: Decimal, **changes: Any) -> Rates:
    """All amounts times *factor*, and other *changes*."""
    amounts = {name: getattr(rates, name) for name in AMOUNTS}
    grown: dict[str, Any] = {
        name: EXACT.multiply(one, factor) for name, one in amounts.items() if one is not None
    }
    above = rates.long_context and scaled(rates.long_context, factor)
    return replace(rates, **grown, long_context=above, **changes)


def maker_of(model: str) -> str | None:
    """The first provider that the file has prices of the model for."""
    return next((of for of, name in book().prices if name == model), None)


def priced_models(provider: str) -> tuple[str, ...]:
    """The models that the file has prices of batches for, without their dated names."""
    found = book()
    names = (model for of, model in found.prices if of == provider)
    return tuple(sorted(one for one in names if one not in found.families))


@cache
def book() -> Book:
    """The file, read when it is first needed."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    # as decimals, since 0.1 dollars are not what a float makes of them
    return _book(tomllib.loads(text, parse_float=Decimal))


def _book(data: Mapping[str, Any]) -> Book:
    version = data["version"]
    prices: dict[tuple[str, str], list[Rates]] = {}
    families: dict[str, str] = {}
    for entry in data["prices"]:
        rates = _rates(entry, version)
        family, *dated = entry["models"]
        families.update(dict.fromkeys(dated, family))
        for provider in entry["providers"]:
            _add(prices, provider, entry["models"], rates)
        for provider in entry.get("derived_for", ()):
            _add(prices, provider, entry["models"], replace(rates, basis=DERIVED))
    return Book(
        version,
        {key: _newest_first(found) for key, found in prices.items()},
        families,
        {
            (one["provider"], one["region"]): (Decimal(one["factor"]), one["basis"])
            for one in data["uplifts"]
        },
        _discounts(data["discounts"]),
        {one["provider"]: tuple(one["names"]) for one in data["other_names"]},
    )


def _discounts(given: Iterable[Mapping[str, Any]]) -> Mapping[str, tuple[Discount, ...]]:
    found: dict[str, tuple[Discount, ...]] = {}
    for one in given:
        names = (tuple(one.get("models", ("",))), tuple(one.get("but", ())))
        discount = Discount(Decimal(one["share"]), one["cached"], *names)
        for provider in one["providers"]:
            found[provider] = (*found.get(provider, ()), discount)
    return found


def _add(
    prices: dict[tuple[str, str], list[Rates]], provider: str, models: Iterable[str], rates: Rates
) -> None:
    for model in models:
        prices.setdefault((provider, model), []).append(rates)


def _newest_first(found: Iterable[Rates]) -> tuple[Rates, ...]:
    return tuple(sorted(found, key=lambda one: one.valid_from or 0, reverse=True))


def _rates(entry: Mapping[str, Any], version: str) -> Rates:
    above = entry.get("long_context")
    return Rates(
        **_amounts(entry),
        source="book",
        version=version,
        valid_from=_midnight(entry.get("from")),
        long_context_above=above["above"] if above else None,
        long_context=Rates(**_amounts(above)) if above else None,
    )


def _amounts(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(entry[name]) for name in AMOUNTS if name in entry}


def _midnight(day: date | None) -> int | None:
    if day is None:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
