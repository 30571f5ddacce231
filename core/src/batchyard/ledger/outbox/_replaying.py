"""Having events delivered again, or for the first time to a subscription that is new."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.errors import InputError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox._listing import Chosen, chosen_events
from batchyard.ledger.outbox._recording import DELIVERY, wanted
from batchyard.ledger.tables import deliveries, events, subscriptions

__all__ = ["replay"]

BLOCK = 500
"""Events of one transaction: others write in between."""


async def replay(db: Database, chosen: Chosen | None = None) -> int:
    """Make the deliveries of the *chosen* events due now; how many there are.

    Those that an active subscription wants and never got are made.  A delivery
    that is being tried at the moment is left alone.  With ``dead`` it is only
    those that were given up.

    Raises :class:`InputError` for an event or a subscription that does not exist.
    """
    chosen = chosen or Chosen()
    await _check(db, chosen)
    count, after = 0, 0
    while True:
        async with db.reading() as connection:
            last = await _end_of_block(connection, chosen, after)
        if last is None:
            return count
        async with db.writing() as connection:
            block = [*chosen_events(chosen), events.c.number.between(after + 1, last)]
            count += await _replay(connection, db, chosen, block)
        after = last


async def _check(db: Database, chosen: Chosen) -> None:
    async with db.reading() as connection:
        if chosen.event is not None:
            known = select(events.c.id).where(events.c.id == chosen.event)
            if (await connection.execute(known)).first() is None:
                raise InputError(f"there is no event {chosen.event!r}", param="event")
        query = select(subscriptions.c.name).where(subscriptions.c.active)
        names = sorted((await connection.execute(query)).scalars())
    if chosen.subscription is not None and chosen.subscription not in names:
        there = ", ".join(names) or "none"
        raise InputError(
            f"there is no subscription {chosen.subscription!r} at present; there is: {there}",
            param="subscription",
        )


async def _end_of_block(connection: AsyncConnection, chosen: Chosen, after: int) -> int | None:
    some = (
        select(events.c.number)
        .where(events.c.number > after, *chosen_events(chosen))
        .order_by(events.c.number)
        .limit(BLOCK)
        .subquery()
    )
    last: int | None = (await connection.execute(select(func.max(some.c.number)))).scalar_one()
    return last


async def _replay(
    connection: AsyncConnection, db: Database, chosen: Chosen, block: list[ColumnElement[bool]]
) -> int:
    now = db.clock.now()
    of_block = deliveries.c.event_id.in_(select(events.c.id).where(*block))
    active = select(subscriptions.c.name).where(subscriptions.c.active, *_named(chosen))
    free = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now)
    states = ["dead"] if chosen.dead else ["dead", "delivered", "pending"]
    again = (
        update(deliveries)
        .where(
            of_block,
            free,
            deliveries.c.subscription.in_(active),
            deliveries.c.state.in_(states),
        )
        .values(
            state="pending",
            attempts=0,
            next_at=now,
            lease_until=None,
            delivered_at=None,
            line=None,
            error=None,
        )
    )
    count = (await connection.execute(again)).rowcount
    if not chosen.dead:
        new = db.insert(deliveries).from_select(
            DELIVERY, wanted(now).where(*block, *_named(chosen))
        )
        count += (await connection.execute(new.on_conflict_do_nothing())).rowcount
    # what waited behind one of them until it would be tried again need not any more
    subjects = select(deliveries.c.subscription, deliveries.c.subject).where(of_block)
    behind = and_(
        tuple_(deliveries.c.subscription, deliveries.c.subject).in_(subjects),
        deliveries.c.state == "pending",
        free,
        deliveries.c.next_at > now,
    )
    await connection.execute(update(deliveries).where(behind).values(next_at=now))
    return count


def _named(chosen: Chosen) -> list[ColumnElement[bool]]:
    if chosen.subscription is None:
        return []
    return [subscriptions.c.name == chosen.subscription]
