"""What waits for each subscription, and holding it back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Label, Select, case, func, select, update

from batchyard.errors import InputError
from batchyard.ledger.database import Database
from batchyard.ledger.tables import deliveries, events, subscriptions

__all__ = ["Backlog", "backlog", "pause", "resume"]


@dataclass(frozen=True, slots=True)
class Backlog:
    """One subscription.  Times are Unix seconds.

    ``pending`` wait, ``failing`` of them have failed already, ``dead`` were given
    up.  ``oldest`` is when the first event happened that waits, ``next_at`` when
    the next attempt is due, ``error`` what the last failed attempt said of those
    that wait or, where none does, of those that were given up.
    """

    name: str
    sink: str
    active: bool
    paused_at: float | None
    pending: int
    failing: int
    dead: int
    oldest: float | None
    next_at: float | None
    error: str | None


async def backlog(db: Database) -> list[Backlog]:
    """All subscriptions that the ledger knows, by name."""
    counts = _counts().subquery()
    query = (
        select(
            subscriptions.c.name,
            subscriptions.c.sink,
            subscriptions.c.active,
            subscriptions.c.paused_at,
            func.coalesce(counts.c.pending, 0).label("pending"),
            func.coalesce(counts.c.failing, 0).label("failing"),
            func.coalesce(counts.c.dead, 0).label("dead"),
            counts.c.oldest,
            counts.c.next_at,
            _error(),
        )
        .outerjoin_from(subscriptions, counts, counts.c.name == subscriptions.c.name)
        .order_by(subscriptions.c.name)
    )
    async with db.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [Backlog(**row) for row in rows]


def _counts() -> Select[tuple[object, ...]]:
    pending = deliveries.c.state == "pending"
    failing = pending & (deliveries.c.attempts > 0)
    dead = deliveries.c.state == "dead"
    return (
        select(
            deliveries.c.subscription.label("name"),
            func.sum(case((pending, 1), else_=0)).label("pending"),
            func.sum(case((failing, 1), else_=0)).label("failing"),
            func.sum(case((dead, 1), else_=0)).label("dead"),
            func.min(case((pending, events.c.at))).label("oldest"),
            func.min(case((pending, deliveries.c.next_at))).label("next_at"),
        )
        .join_from(deliveries, events, events.c.id == deliveries.c.event_id)
        # what was delivered is most of it, and there is an index of the state
        .where(deliveries.c.state.in_(["pending", "dead"]))
        .group_by(deliveries.c.subscription)
    )


def _error() -> Label[str | None]:
    last = (
        select(deliveries.c.error)
        .where(
            deliveries.c.subscription == subscriptions.c.name,
            deliveries.c.state.in_(["pending", "dead"]),
            deliveries.c.error.is_not(None),
        )
        .order_by(deliveries.c.state.desc(), deliveries.c.number)
        .limit(1)
    )
    return last.scalar_subquery().label("error")


async def pause(db: Database, name: str) -> bool:
    """Deliver no more to the subscription until it is resumed; whether it was not paused yet.

    Events go on being kept for it.  What is being delivered at the moment is
    finished.  Raises :class:`InputError` for one that the ledger does not know.
    """
    return await _set(db, name, db.clock.now())


async def resume(db: Database, name: str) -> bool:
    """Deliver again what waits, in its order; whether it was paused."""
    return await _set(db, name, None)


async def _set(db: Database, name: str, at: float | None) -> bool:
    is_paused = subscriptions.c.paused_at.is_not(None)
    changes = is_paused if at is None else ~is_paused
    change = update(subscriptions).where(subscriptions.c.name == name, changes)
    async with db.writing() as connection:
        changed = (await connection.execute(change.values(paused_at=at))).rowcount
        known = select(subscriptions.c.name).order_by(subscriptions.c.name)
        names = (await connection.execute(known)).scalars().all()
    if name not in names:
        there = ", ".join(names) or "none"
        raise InputError(
            f"the ledger knows no subscription {name!r}; it knows: {there}", param="name"
        )
    return bool(changed)
