from __future__ import annotations

import decimal
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.models import Rates, Usage
from batchyard.prices import from_nanos, nanos, rates_from_record, rates_record
from batchyard.prices._costs import Span, band_of, cost_of

RATES = Rates(Decimal(1), Decimal(2), cached_input=Decimal("0.1"))

counts = st.integers(0, 2**53)


def test_a_cost_is_rounded_once_to_a_billionth_half_to_even() -> None:
    # 0.0005 and 0.0015 of a millionth are half a billionth, and one and a half
    rates = Rates(Decimal("0.0005"), Decimal(0))
    assert cost_of(Usage(1, 0), rates, "standard").amount == Decimal(0)
    assert cost_of(Usage(3, 0), rates, "standard").amount == Decimal("2E-9")
    assert cost_of(Usage(5, 0), rates, "standard").amount == Decimal("2E-9")


def test_the_callers_decimal_context_makes_no_difference() -> None:
    usage = Usage(123_456_789, 987_654_321)
    wanted = cost_of(usage, RATES, "standard").amount
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert cost_of(usage, RATES, "standard").amount == wanted
    assert wanted == Decimal("2098.765431")


@given(counts, counts, counts)
def test_tokens_cost_what_a_fraction_says_to_a_billionth(
    plain: int, cached: int, output: int
) -> None:
    from fractions import Fraction  # noqa: PLC0415 - the other way of computing

    usage = Usage(plain + cached, output, cached_tokens=cached)
    found = cost_of(usage, RATES, "standard").amount
    assert found is not None
    exact = (Fraction(plain) + Fraction(cached) / 10 + Fraction(output) * 2) / 1_000_000
    assert abs(Fraction(found) - exact) <= Fraction(1, 2 * 10**9)


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(10, 0, cached_tokens=11), "its token counts contradict each other"),
        (Usage(10, 5, output_audio_tokens=6), "its token counts contradict each other"),
        (Usage(10, 0, cache_write_tokens=1), "the price of cache write tokens is not known"),
        (Usage(10, 0, input_audio_tokens=1), "the price of input audio tokens is not known"),
        (Usage(10, 5, output_image_tokens=5), "the price of output image tokens is not known"),
    ],
)
def test_tokens_without_a_price_of_their_own_are_not_priced_as_others(
    usage: Usage, said: str
) -> None:
    cost = cost_of(usage, RATES, "standard")
    assert (cost.amount, cost.reason) == (None, said)


def test_a_threshold_without_prices_above_it_leaves_long_requests_unpriced() -> None:
    rates = replace(RATES, long_context_above=200_000)
    cost = cost_of(Usage(300_000, 1), rates, "long")
    assert (cost.amount, cost.reason) == (None, "no price above 200000 input tokens is known")


@pytest.mark.parametrize(
    ("span", "threshold", "band"),
    [
        (Span(0, 32_000, 9, 99_999), None, "standard"),
        (Span(0, 32_000, 9, 99_999), 200_000, "standard"),
        (Span(199_000, 200_000, 9, 1_799_000), 200_000, "standard"),
        (Span(200_000, 201_000, 9, 1_801_000), 200_000, "long"),
        # a threshold within a bucket, or under the first one's end
        (Span(131_000, 132_000, 9, 1_180_000), 131_072, "unknown"),
        (Span(131_000, 132_000, 1, 131_072), 131_072, "standard"),
        (Span(131_000, 132_000, 1, 131_073), 131_072, "long"),
        (Span(0, 32_000, 9, 99_999), 16_000, "unknown"),
        (Span(0, 32_000, 9, 15_999), 16_000, "standard"),
    ],
)
def test_a_band_is_what_all_requests_surely_are_in(
    span: Span, threshold: int | None, band: str
) -> None:
    assert band_of(span, threshold) == band


@given(st.integers(-(2**62), 2**62))
def test_billionths_come_back_as_they_were(count: int) -> None:
    assert nanos(from_nanos(count)) == count


def test_unknown_money_stays_unknown() -> None:
    assert nanos(None) is None
    assert from_nanos(None) is None
    assert from_nanos(26_936_000) == Decimal("0.026936000")


def test_rates_come_back_from_json_as_they_were() -> None:
    rates = Rates(
        Decimal("1E-7"),
        Decimal("2.50"),
        cached_input=Decimal(0),
        source="s",
        version="v",
        valid_from=7,
        long_context_above=272_000,
        long_context=RATES,
    )
    record = rates_record(rates)
    assert (record["input"], record["output"]) == ("0.0000001", "2.50")
    assert rates_from_record(record) == rates
    assert rates_from_record({**record, "of_the_future": 1}) == rates
    assert set(record) <= {one.name for one in fields(Rates)}
