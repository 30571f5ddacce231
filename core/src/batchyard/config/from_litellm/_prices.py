"""Prices of a model: from US dollars for a token to those for a million in a batch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from batchyard.config.from_litellm._remarks import Remarks

__all__ = ["PRICES", "prices_of"]

PRICES: Mapping[str, str] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
}
"""List prices by what they are here; each may have one for batches, with a suffix."""

BATCHES = "_batches"

HALF = Decimal("0.5")
"""What a batch costs where no price says it: half the list price, as is counted there too."""

MILLION = 1_000_000


def prices_of(table: Mapping[str, Any], path: str, remarks: Remarks) -> dict[str, Decimal]:
    """What the table says of prices, if it has both that a price needs."""
    found: dict[str, Decimal] = {}
    halved = []
    for name, kind in PRICES.items():
        batch = _amount(table, f"{name}{BATCHES}", path, remarks)
        listed = _amount(table, name, path, remarks)
        if batch is not None:
            found[kind] = batch * MILLION
        elif listed is not None:
            found[kind] = listed * HALF * MILLION
            halved.append(name)
    if not found:
        return {}
    if "input" not in found or "output" not in found:
        remarks.lost(path, "a price needs both input_cost_per_token and output_cost_per_token")
        return {}
    if halved:
        remarks.note(path, f"{', '.join(halved)}: halved, which is what a batch costs there")
    return found


def _amount(table: Mapping[str, Any], name: str, path: str, remarks: Remarks) -> Decimal | None:
    value = table.get(name)
    if value is None:
        return None
    try:
        # YAML takes 1e-7, without a point, for a text
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        remarks.lost(f"{path}.{name}", "it is not an amount")
        return None
    return amount
