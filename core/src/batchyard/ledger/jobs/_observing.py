"""What a provider says of a job, written down."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import bindparam, tuple_, update

from batchyard.errors import BatchyardError, InvalidLinesError
from batchyard.ledger.jobs._batch_row import announce_stalled, refresh
from batchyard.ledger.jobs._moves import REASON, due_at, move
from batchyard.ledger.jobs._parking import may_be_sent_again, put_back
from batchyard.ledger.leasing import Overtaken
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.tables import jobs
from batchyard.models import Batch, Ref

__all__ = [
    "job_refused",
    "look_again",
    "lost",
    "observe",
    "observed_alike",
    "put_off_looking",
    "seen_values",
    "stalled",
]

WINDOW = 24 * 3600.0
"""Seconds that a job is expected to take whose provider names no deadline."""


def seen_values(seen: Batch, now: float, job: JobRecord | None = None) -> dict[str, Any]:
    """The job's columns as the provider's batch fills them.

    What was expected of a *job* that has been sent more than once stays so: each
    send would put it off, and nobody be told that the batch takes too long.
    """
    counts = seen.request_counts
    values: dict[str, Any] = {
        "status": seen.status,
        "output_file_id": seen.output_file_id,
        "error_file_id": seen.error_file_id,
        "errors": [one.model_dump() for one in seen.errors.data[:100]] if seen.errors else [],
        "observed_at": now,
        "missing_since": None,
        "reason": None,
        "expected_by": seen.expires_at or (seen.created_at or now) + WINDOW,
    }
    if counts is not None:
        values.update(total=counts.total, completed=counts.completed, failed=counts.failed)
    if job is not None and job.sends > 1 and job.expected_by is not None:
        del values["expected_by"]
    if seen.provider_state is not None:
        values["provider_state"] = seen.provider_state
    if seen.in_progress_at is not None or seen.status != "validating":
        values["started_at"] = seen.in_progress_at or seen.created_at or now
    return values


async def observe(parts: Parts, job: JobRecord, seen: Batch) -> BatchRecord | None:
    """Write down what was seen of a tracked job; the batch, or ``None`` if it has moved on.

    An end is committed here and at once, with nothing else beside it.  A batch
    that its provider refused for now is no end: the job is put back, to be sent again.
    """
    now = parts.now()
    if may_be_sent_again(job, seen, now):
        return await put_back(parts, job, seen)
    values = seen_values(seen, now, job)
    if job.started_at is not None:
        values.pop("started_at", None)
    values["attempts"] = 0
    if seen.terminal:
        values.update(ended_at=now, next_at=None)
    else:
        values["next_at"] = now + next_look(parts, job, now)
    try:
        async with transaction(parts) as tx:
            batch = await tx.batch(job.batch_id)
            if not seen.terminal and _to_be_cancelled(batch, job, seen):
                values["next_at"] = now
            await move(tx, job, "ended" if seen.terminal else "tracking", **values)
            return await refresh(tx, batch, now)
    except Overtaken:
        return None


def _to_be_cancelled(batch: BatchRecord, job: JobRecord, seen: Batch) -> bool:
    """Whether a cancel is due that may have been asked for while the provider was."""
    wanted = batch.cancelling_at is not None or job.twin_of is not None
    return wanted and job.cancel_sent_at is None and seen.status != "cancelling"


def next_look(parts: Parts, job: JobRecord, now: float) -> float:
    """Seconds: soon for a young job, which may fail at once, and seldom for an old one."""
    settings = parts.settings
    age = now - (job.submitted_at or now)
    pause = min(settings.poll_most, max(settings.poll_first, age / 10))
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - it keeps no secret


async def observed_alike(parts: Parts, same: Sequence[JobRecord]) -> None:
    """Note in one statement that these jobs were seen as they were.

    They are looked at again together: what one page shows is due at one time.
    """
    now = parts.now()
    again = now + min(next_look(parts, one, now) for one in same)
    # one that was asked for since it was read, as by a cancel, is still due
    unasked = tuple_(jobs.c.id, jobs.c.next_at).in_([(one.id, one.next_at) for one in same])
    statement = (
        update(jobs)
        # by the id alone too, which is what there is an index of
        .where(jobs.c.id.in_([one.id for one in same]), unasked)
        .where(parts.db.tested(jobs.c.state) == "tracking")
        .values(observed_at=now, missing_since=None, reason=None, attempts=0, next_at=again)
    )
    async with parts.db.writing() as connection:
        await connection.execute(statement)


async def put_off_looking(parts: Parts, unseen: Sequence[JobRecord], error: BatchyardError) -> None:
    """These could not be looked at: they go on, and so does the watch."""
    now = parts.now()
    pause = max(parts.settings.poll_most, min(error.retry_after or 0.0, 3600.0))
    # one that somebody has asked for since it was read, as a cancel does, is left as it is
    statement = (
        update(jobs)
        .where(jobs.c.id == bindparam("job"), jobs.c.state == "tracking")
        .where(jobs.c.next_at == bindparam("read"))
        .values(
            next_at=bindparam("again"), attempts=jobs.c.attempts + 1, reason=str(error)[:REASON]
        )
    )
    rows = [
        {
            "job": job.id,
            "read": job.next_at,
            "again": now + pause * random.uniform(0.8, 1.2),  # noqa: S311 - it keeps no secret
        }
        for job in unseen
    ]
    async with parts.db.writing() as connection:
        await connection.execute(statement, rows)


async def lost(parts: Parts, job: JobRecord, error: BatchyardError) -> None:
    """The provider knows no such batch.  After a long time of that, the job has ended."""
    now = parts.now()
    since = job.missing_since or now
    if now - since < parts.settings.lost_after:
        again = now + min(parts.settings.poll_most, max(parts.settings.poll_first, now - since))
        async with parts.db.writing() as connection:
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job.id, jobs.c.state == "tracking")
                .values(missing_since=since, next_at=due_at(job, again), reason=str(error)[:REASON])
            )
        return
    gone = BatchyardError(
        f"the provider has known no such batch for {now - since:.0f} s: {error}",
        code="batch_not_found",
    )
    with suppress(Overtaken):
        async with transaction(parts) as tx:
            batch = await tx.batch(job.batch_id)
            await job_refused(tx, batch, job, "failed", gone)


async def job_refused(
    tx: Transaction,
    batch: BatchRecord,
    job: JobRecord,
    status: str,
    error: BatchyardError | None,
) -> BatchRecord:
    """End a job that has no batch at its provider, or none any more."""
    now = tx.now()
    await move(
        tx,
        job,
        "ended",
        status=status,
        errors=_errors(error),
        reason=None if error is None else str(error)[:REASON],
        ended_at=now,
        next_at=None,
    )
    return await refresh(tx, batch, now)


def _errors(error: BatchyardError | None) -> list[dict[str, Any]]:
    """The error as ``errors.data`` has it; line by line where it is about lines."""
    if error is None:
        return []
    if isinstance(error, InvalidLinesError):
        return [
            {"code": one.code, "message": one.message, "param": one.param, "line": one.line or None}
            for one in error.problems[:100]
        ]
    code = error.code or error.type
    return [{"code": code, "message": error.message, "param": error.param, "line": None}]


async def stalled(parts: Parts, job: JobRecord) -> None:
    """Tell once that the job takes longer than its provider said."""
    now = parts.now()
    async with transaction(parts) as tx:
        batch = await tx.batch(job.batch_id)
        statement = (
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state != "ended", jobs.c.stalled_at.is_(None))
            .values(stalled_at=now)
        )
        if (await tx.connection.execute(statement)).rowcount:
            await announce_stalled(tx, batch, job, now)


async def look_again(parts: Parts, job: JobRecord) -> None:
    """Ask about a job that has ended for files that it has named since."""
    if job.provider_batch_id is None:
        return
    served = parts.accounts.get(job.account)
    ref = Ref(job.provider_batch_id, job.provider_state)
    seen = await served.run(
        served.account.retrieve_batch(served.call(job.id, batch=job.batch_id), ref)
    )
    values = seen_values(seen, parts.now())
    named = {
        name: values[name]
        for name in ("output_file_id", "error_file_id", "provider_state")
        if values.get(name)
    }
    if named and seen.terminal:
        async with parts.db.writing() as connection:
            of_job = (jobs.c.id == job.id, jobs.c.state == "ended")
            await connection.execute(update(jobs).where(*of_job).values(**named))
