"""Prices of batches that nobody knows, made from what the same costs one by one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices._book import DERIVED, Discount, book, scaled
from batchyard.prices._context import PriceContext
from batchyard.prices._money import difference
from batchyard.prices._names import fine_tuned

__all__ = ["DerivedPrices"]


class DerivedPrices:
    """Asked last.  Its rates say that they are derived, and from which source.

    Only for models whose discount on batches is in the price file, or is said by
    the provider's plugin.
    """

    rank: ClassVar[int] = 900

    def __init__(self, context: PriceContext) -> None:
        self._list_price = context.list_price

    @hookimpl
    def rates(  # noqa: PLR0913, PLR0917 - a hook's arguments
        self,
        model: str,
        provider: str,
        region: str | None,
        tier: str,
        at: float,
        account: str,
        discount: Decimal | None,
    ) -> Rates | None:
        rule = book().discount(provider, model) or _stated(discount)
        if tier != "batch" or rule is None or fine_tuned(model):
            return None
        # of no region: whoever answers may not know any, and the part more is taken once
        listed = self._list_price(model, provider, None, at, account)
        if listed is None:
            return None
        return replace(book().regional(_derived(listed, rule), provider, region), basis=DERIVED)


def _stated(discount: Decimal | None) -> Discount | None:
    """A provider's own word, which says nothing of what cached input costs in batches."""
    if discount is None or not 0 < discount < 1:
        return None
    return Discount(difference(Decimal(1), discount), "unknown")


def _derived(listed: Rates, discount: Discount) -> Rates:
    above = listed.long_context and _derived(listed.long_context, discount)
    rates = scaled(listed, discount.share, basis=DERIVED)
    if discount.cached == "kept" and listed.cached_input is not None:
        rates = replace(rates, cached_input=min(listed.cached_input, rates.input))
    elif discount.cached == "unknown":
        rates = replace(rates, cached_input=None, cache_write=None)
    return replace(rates, long_context=above and replace(above, basis="list"))
