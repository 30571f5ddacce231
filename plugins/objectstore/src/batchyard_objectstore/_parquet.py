"""Tables: columns for what is asked for most, and the whole record as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same

__all__ = ["of_events", "of_lines"]

TIME = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(38, 12)

TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens")

COUNTS = [(name, pa.int64()) for name in TOKENS]

EVENTS = pa.schema(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("hook", pa.string()),
        ("at", TIME),
        ("provider", pa.string()),
        ("account", pa.string()),
        ("batch_id", pa.string()),
        ("file_id", pa.string()),
        ("status", pa.string()),
        ("owner", pa.string()),
        ("team", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("lines", pa.int64()),
        *COUNTS,
        ("cost", MONEY),
        ("record", pa.string()),
    ]
)

LINES = pa.schema(
    [
        ("id", pa.string()),
        ("batch_id", pa.string()),
        ("number", pa.int64()),
        ("custom_id", pa.string()),
        ("outcome", pa.string()),
        ("status", pa.int32()),
        ("endpoint", pa.string()),
        ("model", pa.string()),
        ("created_at", TIME),
        ("request_id", pa.string()),
        ("error", pa.string()),
        *COUNTS,
        ("cost", MONEY),
        ("record", pa.string()),
    ]
)


def of_events(records: Sequence[Mapping[str, Any]]) -> bytes:
    return _written([_event(one) for one in records], EVENTS)


def of_lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    return _written([_line(one) for one in records], LINES)


def _event(record: Mapping[str, Any]) -> dict[str, Any]:
    batch, file = record.get("batch") or {}, record.get("file") or {}
    identity, totals = record.get("identity") or {}, record.get("totals") or {}
    return {
        **{name: record[name] for name in ("id", "type", "hook", "provider", "account")},
        "at": _time(record["at"]),
        "batch_id": batch.get("id"),
        "file_id": file.get("id"),
        "status": batch.get("status"),
        "owner": identity.get("owner"),
        "team": identity.get("team"),
        "tags": identity.get("tags"),
        "lines": totals.get("lines"),
        **_tokens({**(totals.get("usage") or {}), "total_tokens": totals.get("total_tokens")}),
        "cost": _money(totals.get("response_cost")),
        "record": _json(record),
    }


def _line(record: Mapping[str, Any]) -> dict[str, Any]:
    plain = set(LINES.names) - {"created_at", "cost", "record", *TOKENS}
    return {
        **{name: record.get(name) for name in plain},
        **_tokens(record.get("usage") or {}),
        "created_at": _time(record.get("created_at")),
        "cost": _money(record.get("cost")),
        "record": _json(record),
    }


def _tokens(usage: Mapping[str, Any]) -> dict[str, int | None]:
    """Not known is NULL, and not 0."""
    if not usage.get("known", True):
        return dict.fromkeys(TOKENS)
    return {name: usage.get(name) for name in TOKENS}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _clean(value: Any) -> Any:
    """Text without half a surrogate pair, which services send, and no table takes."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def _written(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    out = pa.BufferOutputStream()
    clean = [{name: _clean(value) for name, value in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(clean, schema=schema), out, compression="zstd")
    data: bytes = out.getvalue().to_pybytes()
    return data
