"""Prices and costs: which rates count, and what usage comes to at them.

Sources (group ``batchyard.prices``) are asked in this order, and the first that
knows a model counts: an account's own prices, price plugins, the dated file that
ships with Batchyard, other data sets, a file in LiteLLM's format, and at last
rates that are derived from list prices and say so.  What no source knows is
unpriced, never free.

Amounts are :class:`~decimal.Decimal` US dollars; a cost is rounded once, to a
billionth.
"""

from __future__ import annotations

from batchyard.prices._book import BookPrices, maker_of, priced_models
from batchyard.prices._context import ListPrice, PriceContext, PriceOptions
from batchyard.prices._derived import DerivedPrices
from batchyard.prices._litellm_file import LiteLLMPrices
from batchyard.prices._money import difference, from_nanos, nanos, total
from batchyard.prices._names import fine_tuned
from batchyard.prices._overrides import AccountPrices, override_rates
from batchyard.prices._pricing import (
    Billed,
    Priced,
    UsageRow,
    combined,
    price_usage,
    recompute,
    repriced,
)
from batchyard.prices._records import rates_from_record, rates_record
from batchyard.prices._sources import Asked, Found, PriceSources

__all__ = [
    "AccountPrices",
    "Asked",
    "Billed",
    "BookPrices",
    "DerivedPrices",
    "Found",
    "ListPrice",
    "LiteLLMPrices",
    "PriceContext",
    "PriceOptions",
    "PriceSources",
    "Priced",
    "UsageRow",
    "combined",
    "difference",
    "fine_tuned",
    "from_nanos",
    "maker_of",
    "nanos",
    "override_rates",
    "price_usage",
    "priced_models",
    "rates_from_record",
    "rates_record",
    "recompute",
    "repriced",
    "total",
]
