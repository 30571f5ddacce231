from __future__ import annotations

from decimal import Decimal

import pytest

from batchyard.models import Rates
from batchyard.prices._book import AMOUNTS, book
from tests.prices.conftest import NOVEMBER

BATCH = {
    "gpt-4o": "1.25 5 0.625",
    "gpt-4o-mini": "0.075 0.3 0.0375",
    "gpt-4.1": "1 4 0.25",
    "gpt-4.1-mini": "0.2 0.8 0.05",
    "gpt-4.1-nano": "0.05 0.2 0.0125",
    "gpt-5": "0.625 5 0.0625",
    "gpt-5.1": "0.625 5 0.0625",
    "gpt-5-mini": "0.125 1 0.0125",
    "gpt-5-nano": "0.025 0.2 0.0025",
    "gpt-5.2": "0.875 7 0.0875",
    "gpt-5.4": "1.25 7.5 0.125",
    "gpt-5.4-mini": "0.375 2.25 0.0375",
    "gpt-5.5": "2.5 15 0.25",
    "gpt-5.6-sol": "2 10 0.2",
    "gpt-6.1-sol": "1 5 0.05",
    "o3": "1 4 0.25",
    "o4-mini": "0.55 2.2 0.1375",
    "text-embedding-3-small": "0.01 0 -",
    "text-embedding-3-large": "0.065 0 -",
    "gemini-2.0-flash": "0.075 0.3 -",
    "gemini-2.0-flash-lite": "0.0375 0.15 -",
    "gemini-2.5-flash": "0.15 1.25 0.03",
    "gemini-2.5-flash-lite": "0.05 0.2 0.01",
    "gemini-2.5-pro": "0.625 5 0.125",
    "gemini-3-pro-preview": "1 6 0.2",
    "gemini-3-flash-preview": "0.25 1.5 0.05",
    "gemini-3.1-flash-lite": "0.125 0.75 0.0125",
    "gemini-3.5-flash": "0.75 4.5 0.075",
    "gemini-embedding-001": "0.12 0 -",
}
"""Input, output and cached input in batches, as the providers' lists have them."""

LONG = {
    ("openai", "gpt-5.4"): "2.5 11.25 0.25",
    ("azure", "gpt-5.4"): "2.5 11.25 0.25",
    ("openai", "gpt-5.5"): "5 22.5 0.5",
    ("openai", "gpt-6.1-sol"): "2 7.5 0.1",
    ("openai", "gpt-6.2-sol"): "2 7.5 0.1",
    ("vertex", "gemini-2.5-pro"): "1.25 7.5 0.25",
    ("vertex", "gemini-3-pro-preview"): "2 9 0.4",
}


def amounts(rates: Rates | None) -> tuple[Decimal | None, ...]:
    assert rates is not None
    return rates.input, rates.output, rates.cached_input


def parsed(text: str) -> tuple[Decimal | None, ...]:
    return tuple(None if one == "-" else Decimal(one) for one in text.split())


@pytest.mark.parametrize("model", BATCH)
def test_the_price_of_a_batch_is_the_lists(model: str) -> None:
    provider = "vertex" if model.startswith("gemini") else "openai"
    assert amounts(book().find(model, provider, None, NOVEMBER)) == parsed(BATCH[model])


@pytest.mark.parametrize(("provider", "model"), LONG)
def test_the_price_of_long_requests_is_the_lists(provider: str, model: str) -> None:
    rates = book().find(model, provider, None, NOVEMBER)
    assert rates is not None
    assert rates.long_context_above == (200_000 if provider == "vertex" else 272_000)
    assert amounts(rates.long_context) == parsed(LONG[provider, model])


def test_a_price_holds_from_its_day_until_the_next() -> None:
    cut = 1_749_513_600  # 2025-06-10
    before, after = (book().find("o3", "openai", None, at) for at in (cut - 1, cut))
    assert amounts(before) == parsed("5 20 1.25")
    assert amounts(after) == parsed("1 4 0.25")
    assert after is not None
    assert after.valid_from == cut


def test_before_its_first_day_a_model_has_no_price() -> None:
    assert book().find("gpt-6.2-sol", "openai", None, 1_794_873_600 - 1) is None
    assert book().find("gpt-6.2-sol", "openai", None, 1_794_873_600) is not None


def test_a_provider_has_its_own_models_only() -> None:
    assert book().find("gpt-4.1", "vertex", None, NOVEMBER) is None
    assert book().find("gemini-2.5-pro", "openai", None, NOVEMBER) is None


def test_what_azure_lists_nowhere_says_that_it_is_derived() -> None:
    listed, derived = (
        book().find(model, "azure", "global", NOVEMBER) for model in ("gpt-4.1", "gpt-4o")
    )
    assert listed is not None
    assert derived is not None
    assert (listed.basis, derived.basis) == ("list", "derived")


def test_a_derived_price_stays_derived_in_a_data_zone() -> None:
    rates = book().find("gpt-4o", "azure", "datazone", NOVEMBER)
    assert rates is not None
    assert (rates.basis, rates.input) == ("derived", Decimal("1.375"))


def test_every_price_is_sane() -> None:
    for (provider, model), dated in book().prices.items():
        days = [one.valid_from for one in dated]
        assert len(set(days)) == len(days), f"{provider} {model} has two prices of one day"
        for rates in dated:
            assert (rates.long_context is None) == (rates.long_context_above is None)
            assert rates.version == book().version
            above = rates.long_context or rates
            for name in AMOUNTS:
                short, long = getattr(rates, name), getattr(above, name)
                assert (short is None) == (long is None), f"{model}: {name}"
                assert short is None or 0 <= short <= long
            if rates.cached_input is not None:
                assert rates.cached_input < rates.input, model
