"""Accounts that have asked to be left alone for a while, and an operator's word that it is over.

That an account is parked is a lease which nobody gives back: it says until when nobody need
ask.  Whoever puts a job off for it looks at the lease in the transaction of that very write,
so a job either sees that the wait was ended, or is found by whoever ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.errors import NotFoundError
from batchyard.ledger.database import Database, leases_until, take_lease
from batchyard.ledger.states import UNSENT
from batchyard.ledger.tables import batches, jobs, leases

__all__ = ["Parked", "alone_until", "leave_alone", "parked", "parked_until", "unpark"]

PREFIX = "parked:"


@dataclass(frozen=True, slots=True)
class Parked:
    """An account that is sent nothing until a time (Unix seconds), and how many jobs wait."""

    account: str
    until: float
    jobs: int


async def leave_alone(db: Database, account: str, seconds: float) -> None:
    """Have the account left alone for so long."""
    await take_lease(db, f"{PREFIX}{account}", "asked", seconds)


async def parked_until(db: Database) -> Mapping[str, float]:
    """Until when (Unix seconds) accounts are to be left alone, by their names."""
    found = await leases_until(db, PREFIX)
    return {name.removeprefix(PREFIX): until for name, until in found.items()}


async def alone_until(conn: AsyncConnection, now: float, account: str) -> float | None:
    """Until when the account is to be left alone, which nobody ends before the transaction does."""
    until: float | None = await conn.scalar(_asked(account, now).with_for_update(read=True))
    return until


async def parked(db: Database) -> list[Parked]:
    """The accounts that are left alone, in the order of their names."""
    until = await parked_until(db)
    unsent = (
        select(jobs.c.account, func.count())
        .where(jobs.c.state.in_(UNSENT), jobs.c.account.in_(until))
        .group_by(jobs.c.account)
    )
    async with db.reading() as conn:
        waiting = {row[0]: row[1] for row in await conn.execute(unsent)}
    return [Parked(name, until[name], waiting.get(name, 0)) for name in sorted(until)]


async def unpark(db: Database, account: str) -> Parked:
    """End it: all that waits to be sent there is due at once; what it was, with how many that are.

    All of it happens, or nothing.  An account that asks again is left alone again.
    Raises :class:`NotFoundError` for one that is not parked.
    """
    now = db.clock.now()
    waiting = (jobs.c.state.in_(UNSENT), jobs.c.account == account, jobs.c.next_at > now)
    async with db.writing() as conn:
        until = await conn.scalar(_asked(account, now).with_for_update())
        if until is None:
            raise NotFoundError(f"account {account!r} is not parked", code="not_parked")
        over = update(leases).where(leases.c.name == f"{PREFIX}{account}")
        await conn.execute(over.values(until=now, epoch=leases.c.epoch + 1))
        # who changes a job locks its batch first: in one order, that no two wait for each other
        theirs = batches.c.id.in_(select(jobs.c.batch_id).where(*waiting))
        locked = select(batches.c.id).where(theirs).order_by(batches.c.id).with_for_update()
        await conn.execute(select(func.count()).select_from(locked.subquery()))
        due = await conn.execute(update(jobs).where(*waiting).values(next_at=now))
    return Parked(account, until, due.rowcount)


def _asked(account: str, now: float) -> Select[float]:
    named = leases.c.name == f"{PREFIX}{account}"
    return select(leases.c.until).where(named, leases.c.until > now)
