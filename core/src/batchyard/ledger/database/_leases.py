"""Leases: who does what only one may do at a time, over all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from batchyard.ledger.tables import leases

if TYPE_CHECKING:
    from batchyard.ledger.database._database import Database

__all__ = ["leases_until", "live_leases", "release_lease", "renew_lease", "take_lease"]


async def take_lease(db: Database, name: str, holder: str, seconds: float) -> int | None:
    """The lease's new epoch, or ``None`` while another holds it.

    Who holds it may take it again: the epoch grows, and what it did under the
    last one is fenced.
    """
    now = db.clock.now()
    new = db.insert(leases).values(name=name, holder=holder, until=now + seconds, epoch=1)
    taken = new.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": holder, "until": now + seconds, "epoch": leases.c.epoch + 1},
        where=or_(leases.c.until <= now, leases.c.holder == holder),
    ).returning(leases.c.epoch)
    async with db.writing() as conn:
        epoch: int | None = await conn.scalar(taken)
    return epoch


async def renew_lease(db: Database, name: str, holder: str, epoch: int, seconds: float) -> bool:
    """Whether the lease was still ours, and is for longer now."""
    return await _set_until(db, name, holder, epoch, db.clock.now() + seconds)


async def release_lease(db: Database, name: str, holder: str, epoch: int) -> None:
    """Let the next one have it.  The row stays, so that its epoch goes on growing."""
    await _set_until(db, name, holder, epoch, 0.0)


async def live_leases(db: Database, prefix: str) -> list[str]:
    """The names that begin with *prefix* and are held, in order."""
    return sorted(await leases_until(db, prefix))


async def leases_until(db: Database, prefix: str) -> dict[str, float]:
    """Until when (Unix seconds) the leases are held whose names begin with *prefix*."""
    named = leases.c.name.startswith(prefix, autoescape=True)
    wanted = select(leases.c.name, leases.c.until).where(named, leases.c.until > db.clock.now())
    async with db.reading() as conn:
        # SQLite's LIKE is blind to case
        return {
            name: until for name, until in await conn.execute(wanted) if name.startswith(prefix)
        }


async def _set_until(db: Database, name: str, holder: str, epoch: int, until: float) -> bool:
    ours = (leases.c.name == name, leases.c.holder == holder, leases.c.epoch == epoch)
    async with db.writing() as conn:
        result = await conn.execute(update(leases).where(*ours).values(until=until))
    return result.rowcount == 1
