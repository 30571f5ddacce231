"""Prices of batches that nobody knows, made from what the same costs one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices._book import DERIVED, Discount, book, scaled
from batchyard.prices._context import PriceContext
from batchyard.prices._names import fine_tuned

__all__ = ["DerivedPrices"]


class DerivedPrices:
    """Asked last.  Its rates say that they are derived, and from which source.

    Only for models whose discount on batches is in the price file.
    """

    rank: ClassVar[int] = 900

    def __init__(self, context: PriceContext) -> None:
        self._list_price = context.list_price

    @hookimpl
    def rates(
        self, model: str, provider: str, region: str | None, tier: str, at: float, account: str
    ) -> Rates | None:
        discount = book().discount(provider, model)
        if tier != "batch" or discount is None or fine_tuned(model):
            return None
        # of no region: whoever answers may not know any, and the part more is taken once
        listed = self._list_price(model, provider, None, at, account)
        if listed is None:
            return None
        return replace(book().regional(_derived(listed, discount), provider, region), basis=DERIVED)


def _derived(listed: Rates, discount: Discount) -> Rates:
    above = listed.long_context and _derived(listed.long_context, discount)
    rates = scaled(listed, discount.share, basis=DERIVED)
    if discount.cached == "kept" and listed.cached_input is not None:
        rates = replace(rates, cached_input=min(listed.cached_input, rates.input))
    return replace(rates, long_context=above and replace(above, basis="list"))
