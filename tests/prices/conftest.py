from __future__ import annotations

from decimal import Decimal

import pytest

from batchyard.models import Usage
from batchyard.prices import PriceOptions, PriceSources, UsageRow
from batchyard.registry import Account, Registry

NOVEMBER = 1_795_392_000.0
"""2026-11-23, a midnight (UTC)."""

OF_CORE = ("account", "book", "litellm", "derived")
"""The sources of a bare install."""


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry({})


@pytest.fixture(scope="session")
def sources(registry: Registry) -> PriceSources:
    return PriceSources.load(registry, PriceOptions(sources=OF_CORE))


@pytest.fixture(scope="session")
def openai(registry: Registry) -> Account:
    return registry.account("openai", {"api_key": "sk-made-up"})


@pytest.fixture(scope="session")
def vertex(registry: Registry) -> Account:
    return registry.account("vertex", {"project": "p", "bucket": "my-bucket"})


@pytest.fixture(scope="session")
def azure(registry: Registry) -> Account:
    return registry.account(
        "azure",
        {
            "api_key": "made-up",
            "base_url": "https://mine.openai.azure.com",
            "deployments": {
                "gpt-4.1-mini": {"name": "mini-batch", "base_model": "gpt-4.1-mini"},
                "gpt-5": {"name": "five-eu", "type": "DataZoneBatch"},
            },
        },
    )


def row(
    model: str | None, usage: Usage, *, lines: int = 1, requested: str | None = None, day: int = 0
) -> UsageRow:
    """As a settlement sums lines: the bucket is that of one line's share of the input."""
    each = usage.input_tokens // lines
    bucket = 0 if each <= 32_000 else (each - 1) // 1000
    return UsageRow(model, requested, bucket, day, lines, 0, usage)


def dollars(text: str) -> Decimal:
    return Decimal(text)
