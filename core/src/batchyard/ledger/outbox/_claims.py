"""Deliveries that are due, and what became of them: the outbox's statements.

A claimed delivery stays ``pending`` with ``next_at`` at the end of its lease, so
that one column says when anybody may next try it, and an epoch that fences the
claim: what is written of it later must name it.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.database import Database
from batchyard.ledger.tables import deliveries, events, subscriptions

__all__ = [
    "Claim",
    "Failure",
    "Scope",
    "acknowledge",
    "advance",
    "claim",
    "due_at",
    "give_back",
    "put_off",
]

PAUSE_FIRST, PAUSE_MOST = 30.0, 6 * 3600.0
"""Seconds between attempts: up to the first, doubled each time, and at most."""

ERROR = 500
"""Characters of a failure that are kept."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which deliveries: to one subscription and, if they are given, of these subjects."""

    subscription: str
    subjects: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery to be tried.  ``attempts`` are those before this one.

    ``line`` is the number up to which the batch's lines have been delivered.
    """

    number: int
    epoch: int
    attempts: int
    subscription: str
    subject: str
    line: int | None
    body: dict[str, object]

    @property
    def key(self) -> tuple[int, int]:
        return self.number, self.epoch


@dataclass(frozen=True, slots=True)
class Failure:
    claim: Claim
    error: str


def _heads(scope: Scope) -> Select[tuple[object, ...]]:
    """Pending deliveries that no earlier one of their subject is before, soonest first."""
    waiting = deliveries.alias("waiting")
    # a scalar, and no anti-join: looked up for one row after the other, until there are enough
    first = (
        select(func.min(waiting.c.seq))
        .where(
            waiting.c.subscription == deliveries.c.subscription,
            waiting.c.subject == deliveries.c.subject,
            waiting.c.state == "pending",
        )
        .scalar_subquery()
    )
    active = select(subscriptions.c.name).where(
        subscriptions.c.name == scope.subscription,
        subscriptions.c.active,
        subscriptions.c.paused_at.is_(None),
    )
    query = select(deliveries.c.number).where(
        deliveries.c.state == "pending",
        deliveries.c.subscription == scope.subscription,
        active.exists(),
        deliveries.c.seq == first,
    )
    if scope.subjects is not None:
        query = query.where(deliveries.c.subject.in_(scope.subjects))
    return query.order_by(deliveries.c.next_at, deliveries.c.number)


async def due_at(connection: AsyncConnection, scope: Scope) -> float | None:
    """When the next delivery may be tried: Unix seconds, perhaps past; ``None`` if none waits."""
    query = _heads(scope).with_only_columns(deliveries.c.next_at).limit(1)
    found: float | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def claim(db: Database, scope: Scope, limit: int, lease: float) -> list[Claim]:
    """Claim deliveries that are due, the oldest of each subject, for *lease* seconds."""
    now = db.clock.now()
    async with db.reading() as connection:
        due = await due_at(connection, scope)
    if due is None or due > now:
        return []  # without a write, for which others would have to wait
    heads = db.claimable(_heads(scope).where(deliveries.c.next_at <= now).limit(limit))
    until = now + lease
    taken = (
        update(deliveries)
        .where(deliveries.c.number.in_(heads.scalar_subquery()))
        .values(next_at=until, lease_until=until, epoch=deliveries.c.epoch + 1)
        .returning(deliveries.c.number, deliveries.c.epoch)
    )
    async with db.writing() as connection:
        epochs: dict[int, int] = dict((await connection.execute(taken)).all())
        rows = (await connection.execute(_claimed(epochs))).mappings().all()
    return [Claim(epoch=epochs[row["number"]], **row) for row in rows]


def _claimed(numbers: Collection[int]) -> Select[tuple[object, ...]]:
    names = (deliveries.c[one] for one in ("number", "attempts", "subscription", "subject", "line"))
    return (
        select(*names, events.c.body)
        .join_from(deliveries, events, events.c.id == deliveries.c.event_id)
        .where(deliveries.c.number.in_(numbers))
        .order_by(deliveries.c.number)
    )


def _held(claims: Sequence[Claim]) -> ColumnElement[bool]:
    """The rows, if the claims still hold."""
    return and_(
        # by the number alone too, which is what there is an index of
        deliveries.c.number.in_([one.number for one in claims]),
        tuple_(deliveries.c.number, deliveries.c.epoch).in_([one.key for one in claims]),
        deliveries.c.state == "pending",
    )


async def acknowledge(db: Database, claims: Sequence[Claim]) -> int:
    """Write down that these were delivered; how many of them were still claimed."""
    now = db.clock.now()
    done = {
        "state": "delivered",
        "attempts": deliveries.c.attempts + 1,
        "delivered_at": now,
        "next_at": None,
        "lease_until": None,
        "error": None,
    }
    async with db.writing() as connection:
        result = await connection.execute(update(deliveries).where(_held(claims)).values(done))
    return result.rowcount


async def put_off(db: Database, failures: Sequence[Failure], attempts: int) -> list[Failure]:
    """Have the failed ones tried later; those that have failed *attempts* times are dead.

    Returns the dead.
    """
    now = db.clock.now()
    dead = [one for one in failures if one.claim.attempts + 1 >= attempts]
    rows = [
        {
            "of_number": one.claim.number,
            "of_epoch": one.claim.epoch,
            "now_state": "dead" if one in dead else "pending",
            "now_error": one.error[:ERROR],
            "now_next": None if one in dead else now + _pause(one.claim.attempts),
        }
        for one in failures
    ]
    failed = (
        update(deliveries)
        .where(
            deliveries.c.number == bindparam("of_number"),
            deliveries.c.epoch == bindparam("of_epoch"),
            deliveries.c.state == "pending",
        )
        .values(
            state=bindparam("now_state"),
            error=bindparam("now_error"),
            next_at=bindparam("now_next"),
            attempts=deliveries.c.attempts + 1,
            lease_until=None,
        )
    )
    async with db.writing() as connection:
        await connection.execute(failed, rows)
        await _hold_followers(connection, [one.claim for one in failures if one not in dead])
    return dead


async def advance(db: Database, claimed: Claim, line: int, lease: float) -> bool:
    """Write down that the lines up to *line* are delivered; whether the claim still holds.

    It holds for *lease* seconds from then on.  Lines that come well are no reason
    to give the event up: failures are counted anew.
    """
    until = db.clock.now() + lease
    values = {"line": line, "attempts": 0, "next_at": until, "lease_until": until}
    async with db.writing() as connection:
        result = await connection.execute(update(deliveries).where(_held([claimed])).values(values))
    return bool(result.rowcount)


async def give_back(db: Database, claims: Sequence[Claim]) -> None:
    """Let others have what was claimed and not tried."""
    values = {"next_at": db.clock.now(), "lease_until": None}
    async with db.writing() as connection:
        await connection.execute(update(deliveries).where(_held(claims)).values(values))


async def _hold_followers(connection: AsyncConnection, claims: Sequence[Claim]) -> None:
    """Have what waits behind them come up when they do, and not be looked at until then."""
    if not claims:
        return
    head = deliveries.alias("head")
    until = (
        select(head.c.next_at)
        .where(
            head.c.number == bindparam("of_number"),
            # it may be another worker's by now
            head.c.epoch == bindparam("of_epoch"),
            head.c.state == "pending",
        )
        .scalar_subquery()
    )
    held = update(deliveries).where(*_follows(), until.is_not(None)).values(next_at=until)
    await connection.execute(held, _followed(claims))


def _follows() -> tuple[ColumnElement[bool], ...]:
    return (
        deliveries.c.subscription == bindparam("of_subscription"),
        deliveries.c.subject == bindparam("of_subject"),
        deliveries.c.state == "pending",
        deliveries.c.number != bindparam("of_number"),
    )


def _followed(claims: Sequence[Claim]) -> list[dict[str, object]]:
    return [
        {
            "of_number": one.number,
            "of_epoch": one.epoch,
            "of_subscription": one.subscription,
            "of_subject": one.subject,
        }
        for one in claims
    ]


def _pause(attempts: int) -> float:
    """Full jitter, so that what failed together does not come back together."""
    most = min(PAUSE_MOST, PAUSE_FIRST * 2 ** min(attempts, 16))
    return random.uniform(0.0, most)  # noqa: S311 - it keeps no secret
