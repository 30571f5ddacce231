"""The tables, in SQL that Postgres and DuckDB both take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchyard_sql._settings import SqlSettings

__all__ = ["ITEMS", "SETTLEMENTS", "Tables"]

MONEY = "numeric(38, 12)"

SETTLEMENTS: Mapping[str, str] = {
    "batch_id": "text not null",
    "number": "integer not null",
    "kind": "text not null",
    "event_id": "text not null",
    "settled_at": "timestamptz not null",
    "provider": "text not null",
    "account": "text not null",
    "endpoint": "text",
    "status": "text not null",
    "created_at": "timestamptz",
    "owner": "text",
    "team": "text",
    "tags": "text not null",
    "key_id": "text",
    "state": "text not null",
    "cost": MONEY,
    "priced_cost": f"{MONEY} not null",
    "price_version": "text",
    "lines": "bigint",
    "ok": "bigint not null",
    "failed": "bigint not null",
    "complete": "boolean not null",
    "input_tokens": "bigint not null",
    "output_tokens": "bigint not null",
}
"""One row for each settlement, adjustment and repricing; ``tags`` are a JSON array."""

ITEMS: Mapping[str, str] = {
    "batch_id": "text not null",
    "settlement": "integer not null",
    "number": "integer not null",
    "settled_at": "timestamptz not null",
    "provider": "text not null",
    "account": "text not null",
    "owner": "text",
    "team": "text",
    "tags": "text not null",
    "key_id": "text",
    "model": "text",
    "tier": "text not null",
    "band": "text not null",
    "lines": "bigint not null",
    "unknown_lines": "bigint not null",
    "input_tokens": "bigint not null",
    "output_tokens": "bigint not null",
    "cached_tokens": "bigint not null",
    "cache_write_tokens": "bigint not null",
    "reasoning_tokens": "bigint not null",
    "cost": MONEY,
    "reason": "text",
    "price_source": "text",
    "price_basis": "text",
}
"""One row for each line of a receipt.  ``cost`` is NULL where it is not known, and never 0."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The statements for one schema.  Names were checked, and are quoted all the same."""

    create: tuple[str, ...]
    settlement: str
    item: str

    @classmethod
    def of(cls, settings: SqlSettings) -> Tables:
        schema = f'"{settings.db_schema}"'
        settlements = f'{schema}."{settings.settlements}"'
        items = f'{schema}."{settings.items}"'
        return cls(
            create=(
                f"create schema if not exists {schema}",
                _table(settlements, SETTLEMENTS, ("batch_id", "number")),
                _table(items, ITEMS, ("batch_id", "settlement", "number")),
            ),
            settlement=_insert(settlements, SETTLEMENTS),
            item=_insert(items, ITEMS),
        )


def _table(name: str, columns: Mapping[str, str], key: Sequence[str]) -> str:
    lines = [f"{column} {kind}" for column, kind in columns.items()]
    lines.append(f"primary key ({', '.join(key)})")
    inside = ",\n    ".join(lines)
    return f"create table if not exists {name} (\n    {inside}\n)"


def _insert(name: str, columns: Mapping[str, str]) -> str:
    """What is there stays: a settlement is never changed, and may come twice."""
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    names = ", ".join(columns)
    # values go by places, and names are of the settings, which take letters only
    return f"insert into {name} ({names}) values ({places}) on conflict do nothing"  # noqa: S608
