"""Rows as they are shown to plugins.  A field that is added has a place at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import RowMapping

from batchyard.prices import from_nanos

__all__ = ["TOKENS", "BatchRow", "FileRow", "ItemRow", "SettlementRow"]

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
)
"""The columns of ``settlement_items`` that count tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owned:
    owner: str
    team: str | None
    tags: tuple[str, ...]

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        return cls(**{one.name: row[one.name] for one in fields(cls)} | _tags(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow(_Owned):
    """``lines`` is known of inputs and results; ``batch_id`` is the batch a result is of."""

    id: str
    purpose: str
    filename: str
    bytes: int
    lines: int | None
    batch_id: str | None
    created_at: float
    expires_at: float | None
    deleted_at: float | None
    key_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow(_Owned):
    """``models`` has the lines of each model in the input."""

    id: str
    metadata: Mapping[str, str] | None
    account: str
    provider: str
    endpoint: str
    models: Mapping[str, int]
    status: str
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    total: int | None
    completed: int
    failed: int
    created_at: float
    in_progress_at: float | None
    ended_at: float | None
    settled_at: float | None
    expires_at: float | None
    key_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRow:
    """See :class:`batchyard.models.Receipt` and :class:`batchyard.models.Proof`."""

    batch_id: str
    number: int
    kind: str
    at: float
    state: str
    cost: Decimal | None
    priced_cost: Decimal
    price_version: str | None
    lines: int | None
    outcomes: Mapping[str, int]
    duplicates: int
    strangers: int
    malformed: int

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        money: dict[str, Any] = {
            "cost": from_nanos(row["cost_nanos"]),
            "priced_cost": from_nanos(row["priced_nanos"]) or Decimal(0),
        }
        plain = (one.name for one in fields(cls) if one.name not in money)
        return cls(**{name: row[name] for name in plain}, **money)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow(_Owned):
    """One line of a receipt, see :class:`batchyard.models.CostItem`.

    ``cost`` is ``None`` where it is unknown, and ``reason`` says why.  In a
    repricing what it takes back is below zero.
    """

    batch_id: str
    settlement: int
    number: int
    at: float
    model: str | None
    provider: str
    account: str
    tier: str
    band: str
    lines: int
    unknown_lines: int
    tokens: Mapping[str, int]
    rates: Mapping[str, Any] | None
    cost: Decimal | None
    reason: str | None
    key_id: str | None

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        made: dict[str, Any] = {
            "tokens": {name: row[name] for name in TOKENS},
            "cost": from_nanos(row["cost_nanos"]),
            **_tags(row),
        }
        plain = (one.name for one in fields(cls) if one.name not in made)
        return cls(**{name: row[name] for name in plain}, **made)


def _tags(row: RowMapping) -> dict[str, Any]:
    return {"tags": tuple(row["tags"])}
