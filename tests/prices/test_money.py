"""Decimals, whatever context the thread that asks has."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext

import pytest

from batchyard.models import Usage
from batchyard.prices import (
    PriceOptions,
    PriceSources,
    difference,
    override_rates,
    price_usage,
    total,
)
from batchyard.registry import Account, Registry
from tests.prices.conftest import NOVEMBER, OF_CORE, dollars, row

POOR = Context(prec=3)
"""As an application may have set it for its own sums."""


@pytest.mark.parametrize(
    "context", [POOR, Context(prec=9, traps=[Inexact])], ids=["poor", "strict"]
)
def test_the_context_of_the_thread_changes_no_cost(
    registry: Registry, azure: Account, context: Context
) -> None:
    rows = [
        row("gpt-5-2025-08-07", Usage(12_345_678, 7_654_321), lines=1000, requested="gpt-5"),
        row("gpt-4.1-mini", Usage(987_654_321, 1), lines=100_000, requested="gpt-4.1-mini"),
    ]

    def priced() -> object:
        sources = PriceSources.load(registry, PriceOptions(sources=OF_CORE))
        return price_usage(rows, sources, azure, NOVEMBER)

    usual = priced()
    with localcontext(context):
        assert priced() == usual


def test_sums_and_differences_keep_each_digit() -> None:
    with localcontext(POOR):
        assert total([dollars("1234567.000000001"), dollars("0.1")]) == dollars("1234567.100000001")
        assert difference(Decimal(0), dollars("1234.567890123")) == dollars("-1234.567890123")
        assert str(difference(Decimal(0), dollars("0.000000000"))) == "0E-9"


def test_prices_of_a_configuration_keep_each_digit() -> None:
    stated = {"input": "1.23456789", "output": 2, "batch_discount": "0.123456"}
    with localcontext(POOR):
        assert override_rates(stated).input == dollars("1.08215307657216")


def test_counts_beyond_any_bill_have_no_price(sources: PriceSources, openai: Account) -> None:
    """The ledger keeps billionths of a dollar in 64 bits."""
    priced = price_usage([row("gpt-4o", Usage(2**50, 0))], sources, openai, NOVEMBER)
    assert (priced.state, priced.cost) == ("unpriced", None)
    assert priced.priced_cost == 0
    assert priced.items[0].reason == "it would cost more than any bill"
