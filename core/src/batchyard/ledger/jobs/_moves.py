"""Moving a job from one state to the next, unless somebody else has."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import ColumnElement, case, update

from batchyard.errors import BatchyardError
from batchyard.ledger.leasing import Overtaken
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import JobRecord
from batchyard.ledger.states import JobState, may_move
from batchyard.ledger.tables import jobs

__all__ = [
    "REASON",
    "due_at",
    "move",
    "moved",
    "pause_after",
    "put_off",
    "say_why",
    "set_aside",
]

REASON = 500
"""Characters of a failure that are kept."""

PAUSE_FIRST, PAUSE_MOST = 2.0, 300.0
"""Seconds before the first further attempt, and between attempts at most."""


async def moved(parts: Parts, job: JobRecord, to: JobState, **values: Any) -> JobRecord:
    """The job in its next state, in a transaction of its own."""
    async with transaction(parts) as tx:
        return await move(tx, job, to, **values)


async def move(tx: Transaction, job: JobRecord, to: JobState, **values: Any) -> JobRecord:
    """Move the job, or raise :class:`Overtaken`."""
    if to != job.state and not may_move(job.state, to):
        raise RuntimeError(f"a job does not go from {job.state} to {to}")  # a mistake of ours
    statement = (
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.epoch == job.epoch, jobs.c.state == job.state)
        .values(state=to, **values)
        .returning(*jobs.c)
    )
    row = (await tx.connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise Overtaken(job.id)
    return JobRecord.of(row)


async def put_off(parts: Parts, job: JobRecord, error: BatchyardError) -> float:
    """Leave the job where it is, with the reason; seconds until it is tried again."""
    now = parts.now()
    pause = pause_after(job.attempts, error)
    await moved(
        parts,
        job,
        job.state,
        attempts=job.attempts + 1,
        reason=str(error)[:REASON],
        next_at=due_at(job, now + pause),
    )
    return pause


def due_at(job: JobRecord, when: float) -> ColumnElement[float]:
    """*when*, unless somebody has asked for the job since it was read, as a cancel does."""
    return case((jobs.c.next_at == job.next_at, when), else_=jobs.c.next_at)


async def set_aside(parts: Parts, job: JobRecord, error: Exception) -> None:
    """Leave the job in whatever state it is by now, with the reason, until it is tried again."""
    values = {
        "attempts": job.attempts + 1,
        "reason": str(error)[:REASON],
        "next_at": due_at(job, parts.now() + pause_after(job.attempts)),
    }
    async with parts.db.writing() as connection:
        claimed = (jobs.c.id == job.id, jobs.c.epoch == job.epoch)
        await connection.execute(update(jobs).where(*claimed).values(**values))


async def say_why(parts: Parts, job: JobRecord, error: BatchyardError) -> None:
    """Note why this process leaves the job alone; another may take it up at any time."""
    reason = str(error)[:REASON]
    if job.reason == reason:
        return
    async with parts.db.writing() as connection:
        alone = (jobs.c.id == job.id, jobs.c.state == job.state, jobs.c.epoch == job.epoch)
        await connection.execute(update(jobs).where(*alone).values(reason=reason))


def pause_after(attempts: int, error: BatchyardError | None = None) -> float:
    """Seconds until the next attempt: what the service asks for, else longer each time."""
    asked = error.retry_after if error is not None else None
    pause: float = min(PAUSE_MOST, PAUSE_FIRST * 2.0 ** min(attempts, 16))
    pause *= random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret
    return max(pause, min(asked or 0.0, 3600.0))
