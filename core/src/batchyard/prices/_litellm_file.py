"""Prices from a file in LiteLLM's format, ``model_prices_and_context_window.json``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from batchyard.errors import ConfigError
from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices._book import book
from batchyard.prices._context import PriceContext
from batchyard.prices._money import EXACT
from batchyard.prices._names import fine_tuned

__all__ = ["LiteLLMPrices"]

MILLION = Decimal(1_000_000)

FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "input_audio": "input_cost_per_audio_token",
    "output_audio": "output_cost_per_audio_token",
    "input_image": "input_cost_per_image_token",
    "output_image": "output_cost_per_image_token",
}
"""Where the file has the amounts of :class:`Rates`, in dollars for one token."""

SUFFIX = {"batch": "_batches", "list": ""}

LONG = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")

NO_OUTPUT = {"embedding", "moderation"}


class LiteLLMPrices:
    """The file that ``litellm_file`` names, if any; read once.

    A batch's price is only what the file says of batches: half of the list
    price is no more than a guess, which is the derived source's to make.
    """

    rank: ClassVar[int] = 400

    def __init__(self, context: PriceContext) -> None:
        path = context.options.litellm_file
        self._entries, self.edition = _read(path) if path else ({}, "")

    @hookimpl
    def rates(self, model: str, provider: str, region: str | None, tier: str) -> Rates | None:
        if tier not in SUFFIX or fine_tuned(model):
            return None
        for entry in self._found(model, provider):
            rates = _rates(entry, SUFFIX[tier], self.edition)
            if rates is not None:
                return book().regional(rates, provider, region)
        return None

    def _found(self, model: str, provider: str) -> Iterator[Mapping[str, Any]]:
        """Entries of the provider's own model: the same name elsewhere has another price."""
        called = book().other_names.get(provider, (provider,))
        for key in (*(f"{one}/{model}" for one in called), model):
            entry = self._entries.get(key)
            if isinstance(entry, Mapping) and entry.get("litellm_provider") in called:
                yield entry


def _read(path: Path) -> tuple[Mapping[str, Any], str]:
    try:
        text = path.read_bytes()
        entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", param="litellm_file") from error
    if not isinstance(entries, Mapping):
        raise ConfigError(f"{path}: not an object of models", param="litellm_file")
    return entries, hashlib.sha256(text).hexdigest()[:12]


def _rates(entry: Mapping[str, Any], suffix: str, edition: str) -> Rates | None:
    amounts = _amounts(entry, suffix)
    if amounts is None:
        return None
    thresholds = sorted({int(match[1]) for key in entry if (match := LONG.match(key))})
    # with several, the price of long requests would be two: then it is not known
    long = None
    if len(thresholds) == 1:
        long = _amounts(entry, f"_above_{thresholds[0]}k_tokens{suffix}")
    return Rates(
        **amounts,
        source="litellm",
        version=edition,
        long_context_above=thresholds[0] * 1000 if thresholds else None,
        long_context=Rates(**long) if long else None,
    )


def _amounts(entry: Mapping[str, Any], suffix: str) -> dict[str, Any] | None:
    found = {name: entry.get(f"{field}{suffix}") for name, field in FIELDS.items()}
    amounts: dict[str, Any] = {
        name: EXACT.multiply(value, MILLION)
        for name, value in found.items()
        if isinstance(value, Decimal) and value.is_finite() and value >= 0
    }
    if "output" not in amounts and entry.get("mode") in NO_OUTPUT:
        amounts["output"] = Decimal(0)
    return amounts if {"input", "output"} <= amounts.keys() else None
