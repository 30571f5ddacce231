"""Which batches of a list are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.sql import column

from batchyard.ledger.database import Database
from batchyard.ledger.tables import batches

__all__ = ["BatchFilter", "conditions"]


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Batches for which all that is given here holds.

    Times are whole Unix seconds, as batches show them: ``created_after`` and
    ``created_before`` leave out that second itself.  Of ``metadata`` each pair
    must be there.
    """

    status: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    provider: str | None = None
    account: str | None = None


def conditions(
    db: Database, wanted: BatchFilter, finalizing_limit: float
) -> list[ColumnElement[bool]]:
    """The filter in SQL.  *finalizing_limit* is for how long one that has ended may not show it."""
    columns = batches.c
    found = [
        one == value
        for one, value in ((columns.provider, wanted.provider), (columns.account, wanted.account))
        if value is not None
    ]
    if wanted.created_after is not None:
        found.append(columns.created_at >= wanted.created_after + 1)
    if wanted.created_before is not None:
        found.append(columns.created_at < wanted.created_before)
    if wanted.status is not None:
        found.append(_shows(wanted.status, db.clock.now() - finalizing_limit))
    found += [_has(db, key, value) for key, value in wanted.metadata.items()]
    return found


def _shows(status: str, late: float) -> ColumnElement[bool]:
    """That a batch shows the status: its own, or its outcome where its files take too long."""
    columns = batches.c
    overdue = and_(columns.phase == "ended", columns.outcome.is_not(None), columns.ended_at < late)
    return or_(
        and_(columns.status == status, ~func.coalesce(overdue, literal(value=False))),
        and_(overdue, columns.outcome == status),
    )


def _has(db: Database, key: str, value: str) -> ColumnElement[bool]:
    if not db.postgres:
        # a path of SQLite's JSON functions cannot name every key
        pairs = func.json_each(batches.c.metadata).table_valued("key", "value")
        named = (column("key") == key, column("value") == value)
        return select(literal(1)).select_from(pairs).where(*named).exists()
    found: ColumnElement[bool] = batches.c.metadata[key].as_string() == value
    return found
