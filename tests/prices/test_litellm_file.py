from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import ConfigError
from batchyard.models import Billing, Rates
from batchyard.prices import Asked, PriceOptions, PriceSources
from batchyard.registry import Registry

ENTRIES: dict[str, Any] = {
    "sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0.0},
    "house-1": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 5e-07,
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 4e-06,
    },
    "house-list": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 5e-07,
    },
    "house-long": {
        "litellm_provider": "vertex_ai-language-models",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 2e-07,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "output_cost_per_token_above_200k_tokens": 1.2e-05,
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 4e-06,
        "input_cost_per_token_above_200k_tokens_batches": 2e-06,
        "output_cost_per_token_above_200k_tokens_batches": 6e-06,
    },
    "house-half-long": {
        "litellm_provider": "vertex_ai-language-models",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "output_cost_per_token_above_200k_tokens": 1.2e-05,
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 4e-06,
    },
    "azure/house-1": {
        "litellm_provider": "azure",
        "input_cost_per_token_batches": 3e-06,
        "output_cost_per_token_batches": 3e-06,
    },
    "house-embedding": {
        "litellm_provider": "openai",
        "mode": "embedding",
        "input_cost_per_token": 2e-08,
        "input_cost_per_token_batches": 1e-08,
    },
    "ft:house": {
        "litellm_provider": "openai",
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 4e-06,
    },
    "house-odd": {
        "litellm_provider": "openai",
        "input_cost_per_token_batches": "1e-06",
        "output_cost_per_token_batches": -1,
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model_prices.json"
    path.write_text(json.dumps(ENTRIES))
    return path


def found(
    file: Path, model: str, provider: str, *sources: str, region: str | None = None
) -> Rates | None:
    options = PriceOptions(litellm_file=file, sources=sources or ("litellm",))
    made = PriceSources.load(Registry({}), options)
    return made.rates(Asked(Billing(model, region), None, provider, "a", 20_000)).rates


def test_a_batchs_price_is_what_the_file_says_of_batches(file: Path) -> None:
    rates = found(file, "house-1", "openai")
    assert rates is not None
    assert (rates.input, rates.output, rates.cached_input) == (Decimal(1), Decimal(4), None)
    assert (rates.source, rates.basis) == ("litellm", "list")
    assert len(rates.version or "") == 12


def test_a_list_price_is_not_a_batchs_price(file: Path) -> None:
    assert found(file, "house-list", "openai") is None


def test_long_requests_have_the_prices_of_long_requests(file: Path) -> None:
    rates = found(file, "house-long", "vertex")
    assert rates is not None
    assert rates.long_context_above == 200_000
    assert rates.long_context is not None
    assert (rates.long_context.input, rates.long_context.output) == (Decimal(2), Decimal(6))


def test_long_requests_without_a_batch_price_have_none(file: Path) -> None:
    rates = found(file, "house-half-long", "vertex")
    assert rates is not None
    assert (rates.long_context_above, rates.long_context) == (200_000, None)


def test_the_same_name_at_another_provider_is_another_price(file: Path) -> None:
    azure, openai = (found(file, "house-1", one) for one in ("azure", "openai"))
    assert azure is not None
    assert openai is not None
    assert (azure.input, openai.input) == (Decimal(3), Decimal(1))
    assert found(file, "house-1", "vertex") is None


def test_a_data_zone_costs_more_than_the_files_price(file: Path) -> None:
    rates = found(file, "house-1", "azure", region="datazone")
    assert rates is not None
    assert (rates.input, rates.basis) == (Decimal("3.3"), "list +10 %")


def test_an_embedding_needs_no_price_of_output(file: Path) -> None:
    rates = found(file, "house-embedding", "openai")
    assert rates is not None
    assert (rates.input, rates.output) == (Decimal("0.01"), Decimal(0))


@pytest.mark.parametrize("model", ["ft:house", "ft:house:acme::x", "house-odd", "sample_spec"])
def test_what_is_no_price_of_the_model_is_not_used(file: Path, model: str) -> None:
    assert found(file, model, "openai") is None


def test_half_of_the_list_price_is_marked_as_derived(file: Path) -> None:
    rates = found(file, "house-list", "openai", "litellm", "derived")
    assert rates is not None
    # OpenAI's discounts multiply
    assert (rates.input, rates.output, rates.cached_input) == (
        Decimal(1),
        Decimal(4),
        Decimal("0.25"),
    )
    assert (rates.source, rates.basis) == ("litellm", "derived")


def test_a_derived_price_keeps_the_caches_discount_where_it_takes_precedence(
    tmp_path: Path,
) -> None:
    path = tmp_path / "prices.json"
    entry = {name: one for name, one in ENTRIES["house-long"].items() if "batches" not in name}
    path.write_text(json.dumps({"gemini-house": entry}))
    rates = found(path, "gemini-house", "vertex", "litellm", "derived")
    assert rates is not None
    assert (rates.input, rates.output, rates.cached_input) == (
        Decimal(1),
        Decimal(4),
        Decimal("0.2"),
    )
    assert rates.long_context is not None
    assert (rates.long_context.input, rates.long_context.output) == (Decimal(2), Decimal(6))


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5",
        "text-embedding-005",
        "gemini-embedding-9",
        "meta/llama-3.3-70b-instruct-maas",
        "house-gemini-1",
    ],
)
def test_what_is_known_of_geminis_batches_is_not_taken_for_other_models(
    tmp_path: Path, model: str
) -> None:
    """They may be at half too, or not; nobody is told a price that was made up."""
    path = tmp_path / "prices.json"
    entry = {name: one for name, one in ENTRIES["house-long"].items() if "batches" not in name}
    path.write_text(json.dumps({model: entry}))
    assert found(path, model, "vertex", "litellm", "derived") is None


def test_a_derived_price_has_the_data_zones_part_more_once(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"house": {**ENTRIES["house-list"], "litellm_provider": "azure"}}))
    rates = found(path, "house", "azure", "litellm", "derived", region="datazone")
    assert rates is not None
    assert (rates.input, rates.basis) == (Decimal("1.1"), "derived")


def test_nothing_is_derived_for_a_provider_whose_discount_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"house": {**ENTRIES["house-list"], "litellm_provider": "acme"}}))
    assert found(path, "house", "acme", "litellm", "derived") is None


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_a_file_that_cannot_be_read_is_said_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"prices\.json"):
        found(path, "m", "openai")
