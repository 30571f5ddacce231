"""What price sources are made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from batchyard.models import Rates

__all__ = ["ListPrice", "PriceContext", "PriceOptions"]


@dataclass(frozen=True, slots=True)
class PriceOptions:
    """What is configured about prices.

    ``overrides`` are rates by account and model, see
    :func:`~batchyard.prices.override_rates`; ``sources`` are the names of the
    sources to ask, in this order, and without them all that are installed.
    """

    overrides: Mapping[str, Mapping[str, Rates]] = field(default_factory=dict)
    litellm_file: Path | None = None
    sources: tuple[str, ...] | None = None


class ListPrice(Protocol):
    """What a model costs one by one, as the other sources know it."""

    def __call__(
        self, model: str, provider: str, region: str | None, at: float, account: str
    ) -> Rates | None: ...


@dataclass(frozen=True, slots=True)
class PriceContext:
    """What a source is made with, if its class takes an argument."""

    options: PriceOptions
    list_price: ListPrice
