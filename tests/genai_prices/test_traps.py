"""What genai-prices answers, and what is to be made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ModelInfo
from genai_prices.types import Usage as GenAIUsage

from batchyard.models import Billing, Rates, Usage
from batchyard.prices import Asked, PriceOptions, PriceSources, UsageRow, price_usage
from batchyard.registry import Registry
from batchyard_genai_prices import GenAIPrices, _data

NOVEMBER = datetime(2026, 11, 23, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)

Source = GenAIPrices()


def rates(
    model: str, provider: str = "openai", tier: str = "batch", at: datetime = NOVEMBER
) -> Rates | None:
    return Source.rates(model, provider, tier, at.timestamp())


def amounts(found: Rates | None) -> tuple[Decimal | None, ...]:
    assert found is not None
    return found.input, found.output, found.cached_input


def said_by_the_library(model: str, provider: str, at: datetime) -> Decimal:
    answer = genai_prices.calc_price(
        GenAIUsage(input_tokens=1_000_000),
        model,
        provider_id=provider,
        genai_request_timestamp=at,
        price_context={"processing": "batch"},
    )
    return answer.total_price


def chosen(model: str, provider: str, at: datetime, *sources: str) -> Rates | None:
    made = PriceSources.load(Registry({}), PriceOptions(sources=sources))
    day = int(at.timestamp() // 86_400)
    return made.rates(Asked(Billing(model), None, provider, "a", day)).rates


@pytest.mark.parametrize(
    ("model", "provider", "listed"),
    [
        ("text-embedding-3-small", "openai", "0.02"),
        ("text-embedding-3-large", "openai", "0.13"),
        ("gemini-2.0-flash", "google", "0.1"),
        ("gemini-2.0-flash-lite", "google", "0.075"),
        ("gemini-3.5-flash", "google", "1.5"),
    ],
)
def test_a_model_without_a_batch_variant_is_not_priced_as_single_requests(
    model: str, provider: str, listed: str
) -> None:
    ours = "vertex" if provider == "google" else provider
    assert said_by_the_library(model, provider, NOVEMBER) == Decimal(listed)
    assert rates(model, ours) is None
    # core's own file has them, at what they cost in batches
    priced = chosen(model, ours, NOVEMBER, "book", "genai-prices", "derived")
    assert priced is not None
    assert priced.source == "book"
    assert priced.input < Decimal(listed)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "o4-mini"])
def test_azure_does_not_get_openais_prices_through_the_librarys_fallback(model: str) -> None:
    assert said_by_the_library(model, "azure", NOVEMBER) > 0
    assert rates(model, "azure") is None


def test_a_variant_does_not_count_before_its_start() -> None:
    assert said_by_the_library("gpt-4.1-mini", "openai", SEPTEMBER) == Decimal("0.4")
    assert rates("gpt-4.1-mini", at=SEPTEMBER) is None
    assert rates("gpt-4.1-mini", at=datetime(2026, 10, 13, 23, 59, tzinfo=UTC)) is None
    assert amounts(rates("gpt-4.1-mini", at=datetime(2026, 10, 14, tzinfo=UTC)))[:2] == (
        Decimal("0.2"),
        Decimal("0.8"),
    )


def test_before_a_variants_start_the_price_is_derived_and_says_so() -> None:
    found = chosen("gpt-4.1-mini", "openai", SEPTEMBER, "genai-prices", "derived")
    assert amounts(found) == (Decimal("0.2"), Decimal("0.8"), Decimal("0.05"))
    assert found is not None
    assert (found.source, found.basis) == ("genai-prices", "derived")


def test_long_context_goes_by_line_and_never_by_the_sum() -> None:
    class Payer:
        name = provider = "vertex"

        def billing(self, model: str | None, requested: str | None = None) -> Billing:
            return Billing(model or requested)

    sources = PriceSources.load(Registry({}), PriceOptions(sources=("genai-prices",)))
    # 100 lines of 100,000 tokens; the library asked for the sum says 12.50
    usage = Usage(10_000_000, 0)
    assert genai_prices.calc_price(
        GenAIUsage(input_tokens=usage.input_tokens),
        "gemini-2.5-pro",
        provider_id="google",
        genai_request_timestamp=NOVEMBER,
        price_context={"processing": "batch"},
    ).total_price == Decimal("12.5")
    rows = [UsageRow("gemini-2.5-pro", None, 99, 0, 100, 0, usage)]
    priced = price_usage(rows, sources, Payer(), NOVEMBER.timestamp())
    assert priced.cost == Decimal("6.25")


@pytest.mark.parametrize(
    ("model", "cached"),
    [
        ("gpt-4o", "0.625"),
        ("gpt-4o-mini", "0.0375"),
        ("gpt-4.1", "0.25"),
        ("gpt-4.1-mini", "0.05"),
        ("gpt-4.1-nano", "0.0125"),
        ("o3", "0.25"),
        ("o4-mini", "0.1375"),
        ("gpt-5-mini", "0.0125"),
    ],
)
def test_cached_input_of_openais_batches_has_both_discounts(model: str, cached: str) -> None:
    assert amounts(rates(model))[2] == Decimal(cached)


@pytest.mark.parametrize(
    ("model", "cached"),
    [
        ("gemini-2.5-flash", "0.03"),
        ("gemini-2.5-pro", "0.125"),
        ("gemini-3-flash-preview", "0.05"),
        ("gemini-3.1-flash-lite", "0.0125"),
    ],
)
def test_cached_input_of_googles_batches_keeps_the_caches_discount(model: str, cached: str) -> None:
    assert amounts(rates(model, "vertex"))[2] == Decimal(cached)


def test_tiers_are_the_prices_of_long_requests() -> None:
    found = rates("gpt-5.5")
    assert found is not None
    assert found.long_context_above == 272_000
    assert amounts(found) == (Decimal("2.5"), Decimal(15), Decimal("0.25"))
    assert amounts(found.long_context) == (Decimal(5), Decimal("22.5"), Decimal("0.5"))


def test_a_batch_price_without_tiers_says_nothing_of_long_requests() -> None:
    # its list price has a tier, its price in batches has none
    found = rates("gpt-5.5-pro")
    assert found is not None
    assert (found.long_context_above, found.long_context) == (272_000, None)


def test_a_variant_that_says_no_price_is_none() -> None:
    assert said_by_the_library("gpt-3.5-turbo-1106", "openai", NOVEMBER) == 1
    assert rates("gpt-3.5-turbo-1106") is None


@pytest.mark.parametrize(
    "model", ["gpt-5.5-cheap", "gpt-6-solar", "gpt-4.1-mini-2027-01-01", "ft:gpt-4o-mini:acme::x"]
)
def test_a_name_that_only_begins_like_a_models_is_not_it(model: str) -> None:
    assert rates(model) is None
    assert rates(model, tier="list") is None


def test_another_providers_model_of_the_name_is_not_it() -> None:
    assert rates("gemini-2.5-flash", "openai") is None
    assert rates("gpt-4.1", "acme") is None


def test_the_release_is_kept_with_the_rates() -> None:
    found = rates("gpt-4.1-mini")
    assert found is not None
    assert found.version == Source.edition
    assert found.version
    assert found.valid_from == int(datetime(2026, 10, 14, tzinfo=UTC).timestamp())


def test_it_is_installed_and_asked_after_cores_file() -> None:
    names = PriceSources.load(Registry({})).names
    assert names.index("genai-prices") == names.index("book") + 1


def batch_models() -> list[tuple[str, ModelInfo]]:
    ours = {"openai": "openai", "google": "vertex"}
    return [
        (ours[provider.id], model)
        for provider in get_snapshot().providers
        if provider.id in ours
        for model in provider.models
        if any(dict(one.when) == _data.BATCH for one in model.price_variants or ())
    ]


@pytest.mark.parametrize(
    ("provider", "model"), [pytest.param(*one, id=one[1].id) for one in batch_models()]
)
def test_where_it_and_cores_file_both_know_a_batchs_price_they_agree(
    provider: str, model: Any
) -> None:
    known = rates(model.id, provider)
    own = chosen(model.id, provider, NOVEMBER, "book")
    if known is None or own is None:
        return
    assert (known.input, known.output) == (own.input, own.output)
    above, own_above = known.long_context, own.long_context
    if above is not None or own_above is not None:
        assert amounts(above)[:2] == amounts(own_above)[:2]


def test_prices_that_are_updated_while_it_runs_are_another_edition() -> None:
    before = Source.edition
    set_custom_snapshot(DataSnapshot(get_snapshot().providers, from_auto_update=True))
    try:
        assert Source.edition != before
        assert Source.edition.startswith(before)
    finally:
        set_custom_snapshot(None)
