"""Batches as the ledger has them.  A read never bills, and never waits for a provider."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Select, select, update

from batchyard.errors import NotFoundError
from batchyard.ledger.jobs import batch_of
from batchyard.ledger.pages import page_of
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import BATCH_BY_ID, BatchRecord
from batchyard.ledger.tables import batches, jobs
from batchyard.models import Batch, Page, PageRequest

__all__ = ["find_batch", "find_keyed", "list_batches", "shown"]

OLD = 15.0
"""Seconds after which what was seen of a batch is old to somebody who asks."""


def shown(parts: Parts, batch: BatchRecord) -> Batch:
    """The batch for its owner.

    One that has ended is ``finalizing`` until its files are there; when that
    takes too long the status is shown without them.
    """
    late = (batch.ended_at or 0) + parts.settings.finalizing_limit
    if batch.phase == "ended" and batch.outcome is not None and parts.now() > late:
        return batch_of(replace(batch, status=batch.outcome))
    return batch_of(batch)


async def find_batch(
    parts: Parts,
    batch_id: str,
    *,
    owner: str | None,
    provider: str | None = None,
    freshen: bool = False,
) -> BatchRecord:
    """The batch, if it is there, *owner*'s and of *provider*; ``None`` asks for anybody's.

    With *freshen* an old picture of one that runs has its jobs looked at soon:
    many who ask cause one look.
    Raises :class:`NotFoundError`: another's batch is as if it were not there.
    """
    batch = await parts.db.find(BATCH_BY_ID, batch_id)
    if batch is None or owner not in {None, batch.owner} or provider not in {None, batch.provider}:
        raise NotFoundError(f"No batch found with id '{batch_id}'.", status=404, param="id")
    if freshen and batch.phase == "open":
        now = parts.now()
        if now - (batch.observed_at or 0) > OLD and parts.asked.first(batch.id, now):
            await _look_soon(parts, batch)
    return batch


async def _look_soon(parts: Parts, batch: BatchRecord) -> None:
    now = parts.now()
    waiting = (
        jobs.c.batch_id == batch.id,
        jobs.c.state == "tracking",
        jobs.c.next_at > now,
        # the batch's own time is that of its last change
        jobs.c.observed_at <= now - OLD,
        # those that could not be looked at wait as long as their service asked for
        jobs.c.attempts == 0,
        jobs.c.missing_since.is_(None),
    )
    async with parts.db.reading() as connection:
        due = (await connection.execute(select(jobs.c.id).where(*waiting).limit(1))).first()
    if due is not None:
        async with parts.db.writing() as connection:
            await connection.execute(update(jobs).where(*waiting).values(next_at=now))


async def find_keyed(parts: Parts, key: str, *, owner: str) -> BatchRecord | None:
    """The batch that was created with the idempotency key."""
    query = _there(owner).where(batches.c.idempotency_key == key)
    async with parts.db.reading() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else BatchRecord.of(row)


async def list_batches(
    parts: Parts, page: PageRequest, *, owner: str | None, provider: str | None = None
) -> Page[Batch]:
    """One page, newest first."""
    found = await page_of(parts.db, batches, _there(owner, provider), page, owner=owner)
    data = [shown(parts, BatchRecord.of(row)) for row in found.rows]
    return Page[Batch](
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=found.more,
    )


def _there(owner: str | None, provider: str | None = None) -> Select[tuple[object, ...]]:
    query = select(batches)
    if provider is not None:
        query = query.where(batches.c.provider == provider)
    return query if owner is None else query.where(batches.c.owner == owner)
