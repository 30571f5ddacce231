"""Forgetting: bytes of files that are gone, and batches that were settled long ago.

Nothing of a batch that is not settled is touched: neither its input, however
old, nor what it has yet to tell.  The lines of receipts outlive their batches,
so that usage can be summed over years.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.database import Database, take_lease
from batchyard.ledger.ids import new_id
from batchyard.ledger.staging import sweep
from batchyard.ledger.store import Store
from batchyard.ledger.tables import (
    batches,
    deliveries,
    events,
    files,
    jobs,
    leases,
    reservations,
    settlement_items,
    settlements,
)

__all__ = ["Cleaned", "Cleaner", "Retention", "clean"]

DAY = 86_400.0

LAPSED = 7 * DAY
"""Seconds after which a lease that nobody has taken again is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that things are kept; ``None`` is for ever.

    ``batches``: after its settlement, a batch with its jobs, events, receipts
    and files.  ``usage``: after that again, the lines of receipts.
    """

    batches: float | None = None
    usage: float | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What one step removed.  ``more``: there may be more of it, so come again soon."""

    expired: int = 0
    erased: int = 0
    files: int = 0
    batches: int = 0
    items: int = 0
    leases: int = 0
    more: bool = False


ROUNDS = 20
"""Steps in a row before others get the database again."""

SWEEP_EVERY = 6 * DAY / 24
"""Seconds between two looks through the whole store, over all processes."""

UPLOAD_MOST = DAY
"""Seconds after which bytes without a row belong to no upload that is under way."""


class Cleaner:
    """Cleans as much as may be done at a time; to be called every few minutes."""

    def __init__(self, db: Database, store: Store, retention_days: float | None) -> None:
        self._db = db
        self._store = store
        self._retention = Retention(None if retention_days is None else retention_days * DAY)

    async def step(self) -> None:
        """May be called by several processes at once, and be interrupted anywhere."""
        for _ in range(ROUNDS):
            done = await clean(self._db, self._store, self._retention)
            if not done.more:
                break
        # nobody gives it back: it says for how long nobody need look again
        if await take_lease(self._db, "sweep", new_id("sweep_"), SWEEP_EVERY):
            before = self._db.clock.now() - UPLOAD_MOST
            await sweep(self._store, self._known, before=before)

    async def _known(self, ids: Sequence[str]) -> Collection[str]:
        query = select(files.c.id).where(files.c.id.in_(ids), files.c.erased_at.is_(None))
        async with self._db.reading() as conn:
            return set(await conn.scalars(query))


async def clean(
    db: Database, store: Store, retention: Retention | None = None, *, limit: int = 100
) -> Cleaned:
    """One step: of each kind at most *limit*, each in a short transaction of its own.

    May be interrupted anywhere, and be done by several at a time.
    """
    kept = retention or Retention()
    expired = await _expire(db, limit)
    old = await _forget_batches(db, kept.batches, limit)
    erased = await _erase(db, store, limit)
    counts = {
        "expired": expired,
        "erased": erased,
        "files": await _forget_files(db, kept.batches, limit),
        "batches": old,
        "items": await _forget_items(db, kept, limit),
        "leases": await _forget_leases(db, limit),
    }
    return Cleaned(**counts, more=limit in counts.values())


def _needed() -> ColumnElement[bool]:
    """Whether a batch that is not settled has the file for its input."""
    return exists().where(batches.c.input_file_id == files.c.id, batches.c.phase != "settled")


async def _expire(db: Database, limit: int) -> int:
    now = db.clock.now()
    over = select(files.c.id).where(
        files.c.deleted_at.is_(None), files.c.expires_at <= now, ~_needed()
    )
    async with db.writing() as conn:
        ids = await _some(conn, db, over.order_by(files.c.expires_at), limit)
        await _delete_unneeded(conn, ids, now)
    return len(ids)


async def _delete_unneeded(conn: AsyncConnection, ids: Sequence[str], now: float) -> None:
    """Of files that are locked, since asked again: a batch may have been made meanwhile."""
    gone = update(files).where(files.c.id.in_(ids), files.c.deleted_at.is_(None), ~_needed())
    await conn.execute(gone.values(deleted_at=now))


async def _erase(db: Database, store: Store, limit: int) -> int:
    """Take from the store what the ledger says is gone."""
    now = db.clock.now()
    gone = select(files.c.id).where(
        files.c.erased_at.is_(None), files.c.deleted_at <= now, ~_needed()
    )
    async with db.reading() as conn:
        ids = (await conn.scalars(gone.order_by(files.c.deleted_at).limit(limit))).all()
    if not ids:
        return 0
    # the bytes first: what is interrupted here is done again, since having nothing is fine
    await asyncio.to_thread(_delete_all, store, ids)
    async with db.writing() as conn:
        await conn.execute(update(files).where(files.c.id.in_(ids)).values(erased_at=now))
    return len(ids)


def _delete_all(store: Store, ids: Sequence[str]) -> None:
    for file_id in ids:
        store.delete_all(file_id)


async def _forget_batches(db: Database, seconds: float | None, limit: int) -> int:
    if seconds is None:
        return 0
    now = db.clock.now()
    old = select(batches.c.id).where(
        batches.c.phase == "settled",
        batches.c.settled_at <= now - seconds,
        # nobody is at it, looking for lines that came late
        or_(batches.c.lease_until.is_(None), batches.c.lease_until <= now),
        batches.c.id.not_in(_untold()),
        ~_untidied(),
    )
    async with db.writing() as conn:
        ids = await _some(conn, db, old.order_by(batches.c.settled_at), limit)
        if ids:
            await _drop_files(conn, ids, now)
            await _drop_events(conn, ids)
            for table in (settlements, jobs):
                await conn.execute(delete(table).where(table.c.batch_id.in_(ids)))
            # what was spent still counts against its budget, for as long as that asks
            released = reservations.c.batch_id.in_(ids), reservations.c.state == "released"
            await conn.execute(delete(reservations).where(*released))
            await conn.execute(delete(batches).where(batches.c.id.in_(ids)))
    return len(ids)


def _untidied() -> ColumnElement[bool]:
    """Whether a file of the batch has yet to be deleted at its provider: its job names it."""
    return exists().where(jobs.c.batch_id == batches.c.id, jobs.c.next_at.is_not(None))


def _untold() -> Select[str]:
    """Of whom something is yet to be delivered."""
    return select(deliveries.c.subject).where(deliveries.c.state == "pending")


async def _drop_files(conn: AsyncConnection, batch_ids: Sequence[str], now: float) -> None:
    """Those that the batches made, and the inputs that no other batch has."""
    inputs = select(batches.c.input_file_id).where(batches.c.id.in_(batch_ids))
    others = exists().where(batches.c.input_file_id == files.c.id, batches.c.id.not_in(batch_ids))
    theirs = or_(files.c.batch_id.in_(batch_ids), files.c.id.in_(inputs) & ~others)
    locked = select(files.c.id).where(theirs).with_for_update()
    await _delete_unneeded(conn, (await conn.scalars(locked)).all(), now)


async def _forget_files(db: Database, seconds: float | None, limit: int) -> int:
    """Rows of files that have been gone for as long as a batch is kept."""
    if seconds is None:
        return 0
    gone = select(files.c.id).where(
        files.c.erased_at <= db.clock.now() - seconds,
        files.c.id.not_in(_untold()),
        ~exists().where(batches.c.input_file_id == files.c.id),
    )
    async with db.writing() as conn:
        ids = await _some(conn, db, gone.order_by(files.c.erased_at), limit)
        if ids:
            await _drop_events(conn, ids)
            await conn.execute(delete(files).where(files.c.id.in_(ids)))
    return len(ids)


async def _drop_events(conn: AsyncConnection, subjects: Sequence[str]) -> None:
    told = select(events.c.id).where(events.c.subject.in_(subjects))
    await conn.execute(delete(deliveries).where(deliveries.c.event_id.in_(told)))
    await conn.execute(delete(events).where(events.c.subject.in_(subjects)))


async def _forget_items(db: Database, kept: Retention, limit: int) -> int:
    """Lines of receipts, a batch's all at once: some of them alone would be a wrong sum."""
    if kept.batches is None or kept.usage is None:
        return 0
    before = db.clock.now() - kept.batches - kept.usage
    columns, others = settlement_items.c, settlement_items.alias()
    old = select(columns.batch_id).where(
        columns.at <= before,
        ~exists().where(batches.c.id == columns.batch_id),
        ~exists().where(others.c.batch_id == columns.batch_id, others.c.at > before),
    )
    async with db.writing() as conn:
        ids = (await conn.scalars(old.distinct().limit(limit))).all()
        await conn.execute(delete(settlement_items).where(columns.batch_id.in_(ids)))
    return len(ids)


async def _forget_leases(db: Database, limit: int) -> int:
    lapsed = select(leases.c.name).where(leases.c.until <= db.clock.now() - LAPSED)
    async with db.writing() as conn:
        names = await _some(conn, db, lapsed, limit)
        await conn.execute(delete(leases).where(leases.c.name.in_(names)))
    return len(names)


async def _some(
    conn: AsyncConnection, db: Database, wanted: Select[str], limit: int
) -> Sequence[str]:
    found: Sequence[str] = (await conn.scalars(db.claimable(wanted.limit(limit)))).all()
    return found
