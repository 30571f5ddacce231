"""Lists by key: what comes or goes while one walks repeats and hides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, Select, Table, select, tuple_

from batchyard.errors import InputError
from batchyard.ledger.database import Database
from batchyard.models import PageRequest

__all__ = ["Found", "page_of"]

DEFAULT, MOST = 20, 100
"""Items of a page (OpenAI API reference, list batches)."""

MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    rows: Sequence[RowMapping]
    more: bool


async def page_of(
    db: Database,
    table: Table,
    query: Select[tuple[object, ...]],
    page: PageRequest,
    *,
    owner: str | None,
) -> Found:
    """The page of *query* that *page* asks for, by ``created_at`` and ``id``.

    Raises :class:`InputError` for an ``after`` that is not there, or not *owner*'s.
    """
    most = MOST_FILES if table.name == "files" else MOST
    limit = DEFAULT if page.limit is None else page.limit
    if not 1 <= limit <= most:
        raise InputError(f"limit must be between 1 and {most}, not {limit}", param="limit")
    key = tuple_(table.c.created_at, table.c.id)
    ascending = page.order == "asc"
    async with db.reading() as connection:
        if page.after is not None:
            # also of one that has been deleted since: its place is still known
            at = select(table.c.created_at).where(table.c.id == page.after)
            if owner is not None:
                at = at.where(table.c.owner == owner)
            created = (await connection.execute(at)).scalar_one_or_none()
            if created is None:
                raise InputError(f"there is nothing with id {page.after!r}", param="after")
            place = tuple_(created, page.after)
            query = query.where(key > place if ascending else key < place)
        columns = (table.c.created_at, table.c.id)
        query = query.order_by(*(one if ascending else one.desc() for one in columns))
        rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
    return Found(rows[:limit], len(rows) > limit)
