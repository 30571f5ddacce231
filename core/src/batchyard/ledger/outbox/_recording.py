"""Writing an event down, in the transaction of what it tells of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.events import to_json
from batchyard.ledger.database import Database
from batchyard.ledger.tables import batches, deliveries, events, subscriptions
from batchyard.models import Event

__all__ = ["DELIVERY", "Recorded", "record", "record_all", "wanted"]

DELIVERY = ("event_id", "subscription", "subject", "seq", "state", "next_at")
"""The columns of a new delivery, in the order of :func:`wanted`."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, the batch or file that it is about, and whose that is."""

    event: Event
    subject: str
    owner: str = ""


async def record(
    connection: AsyncConnection, db: Database, event: Event, *, subject: str, owner: str
) -> None:
    """Write one event and its deliveries; see :func:`record_all`."""
    await record_all(connection, db, [Recorded(event, subject, owner)])


async def record_all(
    connection: AsyncConnection, db: Database, recorded: Sequence[Recorded]
) -> None:
    """Write events, with one delivery for each active subscription that wants them.

    Part of the caller's transaction: they are there if it commits, and only
    then.  A batch's row stays locked until it ends, so that the order of its
    events is the order of their commits.  The number of statements does not
    depend on that of the events.
    """
    if not recorded:
        return
    last = await _numbered(connection, Counter(one.subject for one in recorded))
    rows = []
    for one in reversed(recorded):
        body = to_json(one.event)
        rows.append(
            {
                "id": one.event.id,
                "subject": one.subject,
                "seq": last[one.subject],
                "hook": one.event.hook,
                "at": one.event.at,
                "account": one.event.account,
                "owner": one.owner,
                "body": body,
            }
        )
        last[one.subject] -= 1
    await connection.execute(insert(events), rows[::-1])
    new = wanted(db.clock.now()).where(events.c.id.in_([row["id"] for row in rows]))
    await connection.execute(insert(deliveries).from_select(DELIVERY, new))


def wanted(now: float) -> Select[tuple[object, ...]]:
    """Deliveries, due now, of events to the active subscriptions that want them."""
    due = literal(now, deliveries.c.next_at.type).label("next_at")
    return (
        select(
            events.c.id,
            subscriptions.c.name,
            events.c.subject,
            events.c.seq,
            literal("pending").label("state"),
            due,
        )
        .join_from(events, subscriptions, _wants())
        .where(subscriptions.c.active)
        .order_by(events.c.number, subscriptions.c.name)
    )


def _wants() -> ColumnElement[bool]:
    """Whether the hook is in the subscription's list; one without a list wants all."""
    listed = cast(subscriptions.c.hooks, String)
    return or_(listed == "[]", listed.contains('"' + events.c.hook + '"'))


async def _numbered(connection: AsyncConnection, counts: Counter[str]) -> dict[str, int]:
    """The number of each subject's last event, once there are so many more."""
    more = case(dict(counts), value=batches.c.id)
    statement = (
        update(batches)
        .where(batches.c.id.in_(counts))
        .values(events=batches.c.events + more)
        .returning(batches.c.id, batches.c.events)
    )
    last: dict[str, int] = dict((await connection.execute(statement)).all())
    files = counts.keys() - last.keys()
    if files:
        # a file's events are written with the file, by one transaction at a time
        found = (
            select(events.c.subject, func.max(events.c.seq))
            .where(events.c.subject.in_(files))
            .group_by(events.c.subject)
        )
        seen = dict((await connection.execute(found)).all())
        last |= {name: seen.get(name, 0) + counts[name] for name in files}
    return last
