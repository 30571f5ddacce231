from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.models import Billing, CostItem, Rates, Usage
from batchyard.prices import (
    PriceOptions,
    PriceSources,
    UsageRow,
    combined,
    price_usage,
    rates_from_record,
    rates_record,
    recompute,
    repriced,
)
from batchyard.registry import Account, Registry
from tests.prices.conftest import NOVEMBER, OF_CORE, row

CUT = 1_749_513_600
"""o3 became cheaper on that day, 2025-06-10."""

MODELS = ("o3-2025-04-16", "gpt-5.4-2026-03-05", "gpt-4.1-mini", "gpt-99", None)


@st.composite
def rows(draw: st.DrawFn) -> UsageRow:
    bucket = draw(st.sampled_from([0, 32, 199, 271, 272, 500]))
    lines = draw(st.integers(1, 50))
    unknown = draw(st.integers(0, lines))
    known = lines - unknown
    each = draw(st.integers(bucket * 1000 + 1, bucket * 1000 + 1000)) if bucket else 1_000
    given_, made = each * known, draw(st.integers(0, 10_000)) * known
    cached = draw(st.integers(0, given_))
    usage = Usage(given_, made, cached_tokens=cached, known=not unknown)
    day = draw(st.sampled_from([0, CUT // 86_400 - 1, CUT // 86_400, 20_700]))
    return UsageRow(draw(st.sampled_from(MODELS)), None, bucket, day, lines, unknown, usage)


def kept(item: CostItem) -> CostItem:
    """The item after its rates have been JSON."""
    if item.rates is None:
        return item
    return replace(item, rates=rates_from_record(json.loads(json.dumps(rates_record(item.rates)))))


@given(found=st.lists(rows(), max_size=12))
def test_a_kept_receipt_comes_out_again_to_the_last_digit(
    sources: PriceSources, openai: Account, found: list[UsageRow]
) -> None:
    first = price_usage(found, sources, openai, NOVEMBER)
    again = recompute(found, [kept(one) for one in first.items], openai, NOVEMBER)
    assert again.cost == first.cost
    assert again.priced_cost == first.priced_cost
    priced = [
        (one.model, one.band, one.lines, one.usage, one.cost) for one in first.items if one.rates
    ]
    assert [
        (one.model, one.band, one.lines, one.usage, one.cost) for one in again.items if one.rates
    ] == priced


@given(found=st.lists(rows(), max_size=12), order=st.randoms())
def test_rows_in_another_order_are_the_same_receipt(
    sources: PriceSources, openai: Account, found: list[UsageRow], order: object
) -> None:
    shuffled = list(found)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    one, other = (price_usage(each, sources, openai, NOVEMBER) for each in (found, shuffled))
    assert one == other
    assert sum(each.lines for each in one.items) == sum(each.lines for each in found)


def test_the_same_prices_change_nothing(sources: PriceSources, openai: Account) -> None:
    found = [
        row("gpt-4.1-mini", Usage(100, 10)),
        row("o3", Usage(100, 0), day=CUT // 86_400 - 1),
        row("o3", Usage(100, 0), day=CUT // 86_400),
        row("gpt-99", Usage(300_000, 10)),
        UsageRow("o3", None, 0, 0, 2, 2, Usage(known=False)),
    ]
    first = price_usage(found, sources, openai, CUT - 1.0)
    assert repriced(first.items, sources, openai, CUT - 1.0) == first


def test_short_and_long_requests_stay_apart_when_they_are_priced_anew(
    sources: PriceSources, openai: Account
) -> None:
    found = [
        row("gpt-5.4", Usage(900_000, 10), lines=3),
        row("gpt-5.4", Usage(900_000, 10), lines=9),
    ]
    first = price_usage(found, sources, openai, NOVEMBER)
    assert [one.band for one in first.items] == ["long", "standard"]
    assert repriced(first.items, sources, openai, NOVEMBER) == first


def test_what_had_no_price_gets_one_when_it_is_known(
    registry: Registry, sources: PriceSources, openai: Account
) -> None:
    found = [row("gpt-99", Usage(1_000, 0)), row("gpt-99", Usage(300_000, 0))]
    first = price_usage(found, sources, openai, NOVEMBER)
    assert [(one.band, one.cost) for one in first.items] == [("standard", None), ("unknown", None)]
    rates = Rates(
        Decimal(1),
        Decimal(1),
        long_context_above=272_000,
        long_context=Rates(Decimal(2), Decimal(2)),
    )
    options = PriceOptions({"openai": {"gpt-99": rates}}, sources=OF_CORE)
    now = repriced(first.items, PriceSources.load(registry, options), openai, NOVEMBER)
    assert (now.state, now.cost) == ("priced", Decimal("0.601"))
    assert [one.band for one in now.items] == ["standard", "long"]


def test_sizes_that_were_not_kept_are_not_guessed(
    registry: Registry, sources: PriceSources, openai: Account
) -> None:
    found = [row("gpt-99", Usage(400_000, 0), lines=2)]
    first = price_usage(found, sources, openai, NOVEMBER)
    rates = Rates(
        Decimal(1),
        Decimal(1),
        long_context_above=272_000,
        long_context=Rates(Decimal(2), Decimal(2)),
    )
    options = PriceOptions({"openai": {"gpt-99": rates}}, sources=OF_CORE)
    now = repriced(first.items, PriceSources.load(registry, options), openai, NOVEMBER)
    assert now.state == "unpriced"
    assert now.items[0].reason == "which requests exceed 272000 tokens is not known"


def test_a_threshold_that_splits_a_bucket_is_not_guessed_at(
    registry: Registry, openai: Account
) -> None:
    rates = Rates(
        Decimal(1),
        Decimal(1),
        long_context_above=199_999,
        long_context=Rates(Decimal(2), Decimal(2)),
    )
    options = PriceOptions({"openai": {"house": rates}}, sources=OF_CORE)
    sources = PriceSources.load(registry, options)
    two = price_usage([row("house", Usage(400_000, 0), lines=2)], sources, openai, NOVEMBER)
    assert two.items[0].reason == "which requests exceed 199999 tokens is not known"
    one = price_usage([row("house", Usage(200_000, 0))], sources, openai, NOVEMBER)
    assert one.cost == Decimal("0.4")


def test_answers_without_usage_leave_a_batch_unpriced(
    sources: PriceSources, openai: Account
) -> None:
    found = UsageRow("gpt-4.1-mini", None, 0, 0, 5, 2, Usage(3_000, 0, known=False))
    priced = price_usage([found], sources, openai, NOVEMBER)
    assert (priced.state, priced.cost, priced.priced_cost) == ("unpriced", None, Decimal("0.0006"))
    unknown, known = priced.items
    assert (known.lines, known.unknown_lines, known.usage.known) == (3, 0, True)
    assert (unknown.lines, unknown.unknown_lines, unknown.cost) == (2, 2, None)
    assert unknown.reason == "2 answers do not say what they used"


def test_answers_without_usage_of_a_free_model_cost_nothing(
    sources: PriceSources, openai: Account
) -> None:
    found = UsageRow("omni-moderation-latest", None, 0, 0, 5, 5, Usage(known=False))
    priced = price_usage([found], sources, openai, NOVEMBER)
    assert (priced.state, priced.cost) == ("priced", Decimal(0))


@pytest.mark.parametrize("found", [[], [UsageRow(None, None, 0, 0, 3, 0, Usage())]])
def test_where_nothing_was_used_there_is_no_usage(
    sources: PriceSources, openai: Account, found: list[UsageRow]
) -> None:
    priced = price_usage(found, sources, openai, NOVEMBER)
    assert (priced.state, priced.cost, priced.version) == ("no_usage", Decimal(0), None)


def test_results_that_name_no_model_are_priced_as_what_was_asked_for(
    sources: PriceSources, openai: Account
) -> None:
    found = [row(None, Usage(1_000, 0), requested="gpt-4.1-mini"), row(None, Usage(1_000, 0))]
    priced = price_usage(found, sources, openai, NOVEMBER)
    nobody, asked = priced.items
    assert (asked.model, asked.cost) == ("gpt-4.1-mini", Decimal("0.0002"))
    assert nobody.reason == "the results do not say which model answered"


def test_jobs_of_several_accounts_are_one_receipt(
    sources: PriceSources, openai: Account, vertex: Account
) -> None:
    parts = [
        price_usage([row("gpt-4.1-mini", Usage(1_000, 0))], sources, openai, NOVEMBER),
        price_usage([row("gemini-2.5-flash", Usage(1_000, 0))], sources, vertex, NOVEMBER),
    ]
    whole = combined(parts)
    assert whole.cost == Decimal("0.00035")
    assert [one.provider for one in whole.items] == ["openai", "vertex"]
    assert whole.version == "book 2026-11-23"


@dataclass
class Broken:
    name: str = "acc"
    provider: str = "openai"

    def billing(self, model: str | None, requested: str | None = None) -> Billing:
        raise RuntimeError(requested or model)


def test_a_provider_that_cannot_say_what_is_billed_leaves_lines_unpriced(
    sources: PriceSources,
) -> None:
    priced = price_usage([row("gpt-4.1-mini", Usage(1, 1))], sources, Broken(), NOVEMBER)
    assert priced.state == "unpriced"
    assert priced.items[0].reason == ("the provider cannot say what it is billed as: RuntimeError")
