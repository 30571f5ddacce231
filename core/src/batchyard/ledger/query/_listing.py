"""Lists, a page at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, RowMapping, Table, Tuple, literal, select, tuple_

from batchyard.errors import InputError
from batchyard.ledger import tables
from batchyard.ledger.database import Database
from batchyard.ledger.query._rows import BatchRow, FileRow, ItemRow, SettlementRow

__all__ = ["Listing", "Wanted", "batches", "files", "items", "settlements"]

T = TypeVar("T")

MOST = 10_000
"""Rows of a page."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page.  ``next`` is to be passed as ``after``; ``None`` says that there is no more."""

    rows: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Walk(Generic[T]):
    """What is walked, by which key.  The key's first column is the time."""

    table: Table
    key: tuple[Column[Any], ...]
    of: Callable[[RowMapping], T]

    @property
    def time(self) -> Column[Any]:
        return self.key[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows of a list, and in which order.

    ``after`` is the ``next`` of the page before.  A walk in ascending order may
    be gone on with later; begin a little before where it ended, since what is
    committed late has the time at which it began.
    """

    owner: str | None = None
    since: float | None = None
    until: float | None = None
    after: str | None = None
    limit: int = 100
    order: Literal["asc", "desc"] = "asc"


ALL = Wanted()

_BATCHES = _Walk(tables.batches, (tables.batches.c.created_at, tables.batches.c.id), BatchRow.of)
_FILES = _Walk(tables.files, (tables.files.c.created_at, tables.files.c.id), FileRow.of)
_SETTLEMENTS = _Walk(
    tables.settlements,
    (tables.settlements.c.at, tables.settlements.c.batch_id, tables.settlements.c.number),
    SettlementRow.of,
)
_ITEMS = _Walk(
    tables.settlement_items,
    (
        tables.settlement_items.c.at,
        tables.settlement_items.c.batch_id,
        tables.settlement_items.c.settlement,
        tables.settlement_items.c.number,
    ),
    ItemRow.of,
)


async def batches(
    db: Database,
    wanted: Wanted = ALL,
    *,
    status: str | None = None,
    account: str | None = None,
) -> Listing[BatchRow]:
    """Batches by when they were created."""
    columns = tables.batches.c
    chosen = _equal({columns.status: status, columns.account: account, columns.owner: wanted.owner})
    return await _page(db, _BATCHES, wanted, chosen)


async def files(
    db: Database, wanted: Wanted = ALL, *, purpose: str | None = None, deleted: bool = False
) -> Listing[FileRow]:
    """Files by when they were created; with ``deleted`` those too that are no longer there."""
    columns = tables.files.c
    chosen = _equal({columns.purpose: purpose, columns.owner: wanted.owner})
    if not deleted:
        chosen.append(columns.deleted_at.is_(None))
    return await _page(db, _FILES, wanted, chosen)


async def settlements(
    db: Database,
    wanted: Wanted = ALL,
    *,
    kind: str | None = None,
    batch_id: str | None = None,
) -> Listing[SettlementRow]:
    """Settlements, adjustments and repricings by when they were made."""
    columns = tables.settlements.c
    chosen = _equal({columns.kind: kind, columns.batch_id: batch_id})
    if wanted.owner is not None:
        owned = select(tables.batches.c.id).where(tables.batches.c.owner == wanted.owner)
        chosen.append(columns.batch_id.in_(owned))
    return await _page(db, _SETTLEMENTS, wanted, chosen)


async def items(
    db: Database,
    wanted: Wanted = ALL,
    *,
    model: str | None = None,
    batch_id: str | None = None,
) -> Listing[ItemRow]:
    """The lines of receipts by when those were made."""
    columns = tables.settlement_items.c
    chosen = _equal({columns.model: model, columns.batch_id: batch_id, columns.owner: wanted.owner})
    return await _page(db, _ITEMS, wanted, chosen)


def _equal(values: dict[Column[Any], str | None]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in values.items() if value is not None]


async def _page(
    db: Database, walk: _Walk[T], wanted: Wanted, chosen: list[ColumnElement[bool]]
) -> Listing[T]:
    if not 1 <= wanted.limit <= MOST:
        raise InputError(f"limit must be between 1 and {MOST}, not {wanted.limit}", param="limit")
    newest = wanted.order == "desc"
    if wanted.since is not None:
        chosen.append(walk.time >= wanted.since)
    if wanted.until is not None:
        chosen.append(walk.time < wanted.until)
    if wanted.after is not None:
        key, place = tuple_(*walk.key), _place(wanted.after, walk)
        chosen.append(key < place if newest else key > place)
    order = [column.desc() if newest else column.asc() for column in walk.key]
    query = select(walk.table).where(*chosen).order_by(*order).limit(wanted.limit + 1)
    async with db.reading() as conn:
        found = (await conn.execute(query)).mappings().all()
    rows = found[: wanted.limit]
    more = len(found) > wanted.limit
    return Listing(tuple(map(walk.of, rows)), _cursor(walk, rows[-1]) if more else None)


def _cursor(walk: _Walk[Any], row: RowMapping) -> str:
    text = json.dumps([row[column.name] for column in walk.key])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str, walk: _Walk[Any]) -> Tuple:
    """Where the page before ended.  It comes from outside, so it may be anything."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
        parts = [
            literal(_fitting(column.type.python_type, value), column.type)
            for column, value in zip(walk.key, values, strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise InputError(f"there is no place {cursor!r} in this list", param="after") from error
    return tuple_(*parts)


def _fitting(kind: type, value: object) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError
    return value
