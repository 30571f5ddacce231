"""Receipts as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from batchyard.models import BatchEvent, Identity, Receipt

__all__ = ["Row", "items_of", "settlement_of"]

Row = dict[str, Any]

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def settlement_of(event: BatchEvent, receipt: Receipt) -> Row:
    outcomes: Mapping[str, int] = dict(receipt.proof.outcomes)  # type: ignore[arg-type]  # outcomes are strings
    ok = outcomes.get("ok", 0)
    usage = receipt.usage
    return _clean(
        {
            "batch_id": receipt.batch_id,
            "number": receipt.number,
            "kind": receipt.kind,
            "event_id": event.id,
            "settled_at": _time(receipt.at),
            "provider": event.provider,
            "account": event.account,
            "endpoint": event.batch.endpoint,
            "status": event.batch.status,
            "created_at": _time(event.batch.created_at),
            **_who(receipt.identity),
            "state": receipt.state,
            "cost": receipt.cost,
            "priced_cost": receipt.priced_cost,
            "price_version": receipt.price_version,
            "lines": receipt.proof.lines,
            "ok": ok,
            "failed": sum(outcomes.values()) - ok,
            "complete": receipt.proof.complete,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
        }
    )


def items_of(receipt: Receipt) -> list[Row]:
    return [
        _clean(
            {
                "batch_id": receipt.batch_id,
                "settlement": receipt.number,
                "number": number,
                "settled_at": _time(receipt.at),
                "provider": item.provider,
                "account": item.account,
                **_who(receipt.identity),
                "model": item.model,
                "tier": item.tier,
                "band": item.band,
                "lines": item.lines,
                "unknown_lines": item.unknown_lines,
                **{name: getattr(item.usage, name) for name in TOKENS},
                "cost": item.cost,
                "reason": item.reason,
                "price_source": item.rates.source if item.rates else None,
                "price_basis": item.rates.basis if item.rates else None,
            }
        )
        for number, item in enumerate(receipt.items)
    ]


def _who(identity: Identity) -> Row:
    return {
        "owner": identity.owner or None,
        "team": identity.team,
        "tags": json.dumps(identity.tags),
        "key_id": identity.key,
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _clean(row: Row) -> Row:
    """Text that comes from outside, without NUL, which Postgres does not take."""
    return {
        name: value.replace("\x00", "") if isinstance(value, str) else value
        for name, value in row.items()
    }
