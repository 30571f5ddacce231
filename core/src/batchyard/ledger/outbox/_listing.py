"""The events that were written down, and what became of their deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.events import from_json
from batchyard.ledger.database import Database
from batchyard.ledger.tables import deliveries, events
from batchyard.models import BatchEvent, FileEvent

__all__ = ["Chosen", "DeliveryRecord", "EventRecord", "chosen_events", "list_events"]

MOST = 1000
"""Events of a page."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events: those for which all that is given here holds.

    ``batch`` is a batch's id, or a file's.  ``subscription`` and ``dead`` are of
    their deliveries: events that are on their way to it, or were given up.
    """

    batch: str | None = None
    event: str | None = None
    account: str | None = None
    owner: str | None = None
    subscription: str | None = None
    dead: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What became of an event for one subscription.

    ``next_at`` is when a pending one is tried next, or again if the worker that
    tries it now should die; ``error`` what the last attempt said.
    """

    subscription: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    next_at: float | None
    delivered_at: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """``number`` is its place among all, ``seq`` among those of its batch or file."""

    number: int
    subject: str
    seq: int
    owner: str
    body: dict[str, Any]
    deliveries: tuple[DeliveryRecord, ...]

    @property
    def event(self) -> BatchEvent | FileEvent:
        return from_json(self.body)


def chosen_events(chosen: Chosen) -> list[ColumnElement[bool]]:
    """The conditions on ``events``."""
    wanted = {
        events.c.subject: chosen.batch,
        events.c.id: chosen.event,
        events.c.account: chosen.account,
        events.c.owner: chosen.owner,
    }
    return [column == value for column, value in wanted.items() if value is not None]


async def list_events(
    db: Database,
    chosen: Chosen | None = None,
    *,
    after: int | None = None,
    limit: int = 100,
    order: Literal["asc", "desc"] = "desc",
) -> list[EventRecord]:
    """Events, the newest first unless asked otherwise, behind number *after*."""
    chosen = chosen or Chosen()
    number = events.c.number
    query = select(events).where(*chosen_events(chosen), *_delivered(chosen))
    if after is not None:
        query = query.where(number > after if order == "asc" else number < after)
    query = query.order_by(number if order == "asc" else number.desc()).limit(min(limit, MOST))
    async with db.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
        found = await _deliveries_of(connection, [row["id"] for row in rows])
    names = ("number", "subject", "seq", "owner", "body")
    return [
        EventRecord(**{name: row[name] for name in names}, deliveries=tuple(found[row["id"]]))
        for row in rows
    ]


def _delivered(chosen: Chosen) -> list[ColumnElement[bool]]:
    conditions = []
    if chosen.subscription is not None:
        conditions.append(deliveries.c.subscription == chosen.subscription)
    if chosen.dead:
        conditions.append(deliveries.c.state == "dead")
    if not conditions:
        return []
    return [events.c.id.in_(select(deliveries.c.event_id).where(*conditions))]


async def _deliveries_of(
    connection: AsyncConnection, ids: Iterable[str]
) -> dict[str, list[DeliveryRecord]]:
    names = ("subscription", "state", "attempts", "next_at", "delivered_at", "error")
    query = (
        select(deliveries.c.event_id, *(deliveries.c[one] for one in names))
        .where(deliveries.c.event_id.in_(list(ids)))
        .order_by(deliveries.c.number)
    )
    found: dict[str, list[DeliveryRecord]] = defaultdict(list)
    for row in (await connection.execute(query)).mappings():
        found[row["event_id"]].append(DeliveryRecord(**{name: row[name] for name in names}))
    return found
