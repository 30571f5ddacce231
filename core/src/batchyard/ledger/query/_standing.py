"""How the ledger's work stands: counted in the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from batchyard.ledger.database import Database
from batchyard.ledger.tables import batches, jobs

__all__ = ["BatchCount", "Standing", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCount:
    """Batches of one account in one status.  ``oldest`` is when the first was created."""

    account: str
    provider: str
    status: str
    batches: int
    oldest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``stalled`` are jobs by account that take longer than their provider said."""

    batches: tuple[BatchCount, ...]
    stalled: dict[str, int]


async def standing(db: Database) -> Standing:
    """What is under way and what has ended, of the batches that the ledger keeps."""
    columns = (batches.c.account, batches.c.provider, batches.c.status)
    counted = (
        select(
            *columns, func.count().label("batches"), func.min(batches.c.created_at).label("oldest")
        )
        .group_by(*columns)
        .order_by(*columns)
    )
    late = (
        select(jobs.c.account, func.count())
        .where(jobs.c.state != "ended", jobs.c.stalled_at.is_not(None))
        .group_by(jobs.c.account)
    )
    async with db.reading() as conn:
        rows = (await conn.execute(counted)).mappings().all()
        stalled = {account: count for account, count in await conn.execute(late)}  # noqa: C416 - rows are no pairs to mypy
    return Standing(batches=tuple(BatchCount(**row) for row in rows), stalled=stalled)
