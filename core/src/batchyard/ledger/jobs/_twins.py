"""Two batches of one job: what a create that seemed lost may leave behind.

One of them is kept, the older where nothing else speaks for one; the other is cancelled,
both are settled, and an event says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select, update

from batchyard.errors import (
    AmbiguousCreateError,
    BatchyardError,
    NotFoundError,
    UnsupportedError,
)
from batchyard.ledger.accounts import Served
from batchyard.ledger.ids import new_id
from batchyard.ledger.jobs._batch_row import batch_of, event_of
from batchyard.ledger.jobs._observing import seen_values
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.tables import jobs
from batchyard.models import TERMINAL_STATUSES, Batch, Ref

__all__ = ["confirmed", "look_for_twins", "record_twin"]

log = logging.getLogger("batchyard.ledger")

PATIENCE = 3600.0
"""Seconds for which a look that fails is tried again."""

DONE, RUNS, NOTHING = 0, 1, 2
"""Which of two batches is kept: what is done before what runs, that before what came to nothing."""

REFUSED = 3
"""Batches that found no room, after which no more are looked at: a job may leave hundreds."""


async def look_for_twins(parts: Parts, served: Served, job: JobRecord, own: Batch) -> bool:
    """Look, some time after a create that was sent again, for what the others made.

    *own* is the job's batch as it is now.  Whether there is any: then the job may have
    become another batch of the provider's.  A failure that may pass is raised, but for
    a job that has waited for the look for long; what was found before it is kept.
    """
    found = False
    try:
        async with aclosing(_twins_of(parts, served, job)) as twins:
            async for twin in twins:
                found = True
                if await record_twin(parts, job, twin, own):
                    own = twin
    except UnsupportedError:
        pass
    except BatchyardError as error:
        # a list that is too long for a walk is no shorter the next time
        passing = error.retryable and not isinstance(error, AmbiguousCreateError)
        if passing and parts.now() < (job.twins_at or 0) + PATIENCE:
            raise
        log.warning("no look for a twin of job %s: %s", job.id, error)
    async with parts.db.writing() as connection:
        await connection.execute(update(jobs).where(jobs.c.id == job.id).values(twins_at=None))
    return found


async def _twins_of(parts: Parts, served: Served, job: JobRecord) -> AsyncGenerator[Batch, None]:
    """What creates of the job have made and no job of the account is."""
    known = {job.provider_batch_id or ""}
    call = served.call(job.id, batch=job.batch_id, marker=job.marker)
    file = Ref(job.provider_file_id or "", job.provider_file_state)
    refused = 0
    for _ in range(job.sends):
        plan = served.account.find_batch(call, job.marker, file, job.created_at, frozenset(known))
        found = await served.run(plan)
        # a provider's package may not know of the last argument, and show the job's own again
        if found is None or found.id in known:
            return
        known.add(found.id)
        if await _is_a_job(parts, job.account, found.id):
            continue
        twin = await confirmed(served, job, found)
        if twin is not None:
            yield twin
            continue
        refused += 1
        if refused == REFUSED:
            return


async def _is_a_job(parts: Parts, account: str, batch_id: str) -> bool:
    """Also one of another batch's: somebody may have adopted it."""
    query = select(jobs.c.id).where(jobs.c.account == account, jobs.c.provider_batch_id == batch_id)
    async with parts.db.reading() as connection:
        return (await connection.execute(query.limit(1))).first() is not None


async def confirmed(served: Served, job: JobRecord, found: Batch) -> Batch | None:
    """What a look has found, as it is by itself; ``None`` for what was refused for now.

    Lists may leave out why a batch has failed, so that one for which there was no
    room looks like what the create after it made.
    """
    ref = Ref(found.id, found.provider_state)
    try:
        seen = await served.run(
            served.account.retrieve_batch(served.call(job.id, batch=job.batch_id), ref)
        )
    except (NotFoundError, UnsupportedError):
        # the list knows more than the service tells of it by itself, as yet
        seen = found
    return None if seen.terminal and seen.refused_for_now else seen


async def record_twin(parts: Parts, job: JobRecord, other: Batch, own: Batch | None = None) -> bool:
    """Write down a second batch of the job, unless it is known; the worse is to be cancelled.

    *own* is the job's batch, where that has been seen.  Whether *other* takes its place.
    One that turns up when the job has ended is cancelled at once: no settlement
    will have it, so the least is that it does no more work to be paid for.
    """
    stray = swapped = False
    async with transaction(parts) as tx:
        batch = await tx.batch(job.batch_id)
        siblings = await tx.jobs(batch.id)
        known = {one.provider_batch_id for one in siblings}
        current = next(one for one in siblings if one.id == job.id)
        if other.id in known:
            return False
        if current.provider_batch_id is None or batch.phase != "open":
            stray = current.state == "ended"
            if stray:
                _tell_of_stray(tx, batch, job, other)
        else:
            made_at = current.submitted_at or tx.now()
            mine = _rank(own.status, own.created_at or made_at) if own else (RUNS, made_at)
            better = _rank(other.status, other.created_at or 0) < mine
            # a job that has ended is looked at no more, and what ran in its place would be lost
            swapped = better and current.state != "ended"
            await _twinned(tx, batch, siblings, current, other, swap=swapped)
    if stray:
        await _cancel_stray(parts, job, other)
    return swapped


def _rank(status: str, made_at: float) -> tuple[int, float]:
    """The lower is kept; of two alike it is the one that was made first."""
    if status == "completed":
        return DONE, made_at
    return (NOTHING if status in TERMINAL_STATUSES else RUNS), made_at


def _tell_of_stray(tx: Transaction, batch: BatchRecord, job: JobRecord, other: Batch) -> None:
    reason = (
        f"a create that was not answered left batch {other.id} at {job.account}, found after "
        f"job {job.id} had ended: it is cancelled, and what it has done is on no receipt"
    )
    log.error("batch %s: %s", batch.id, reason)
    event = event_of("batch_status_changed", batch, batch_of(batch), tx.now())
    event = replace(event, previous_status=batch.status, reason=reason)
    tx.record(event, subject=batch.id, owner=batch.owner)


async def _cancel_stray(parts: Parts, job: JobRecord, other: Batch) -> None:
    served = parts.accounts.get(job.account)
    ref = Ref(other.id, other.provider_state)
    try:
        await served.run(served.account.cancel_batch(served.call(job.id, batch=job.batch_id), ref))
    except BatchyardError as error:
        log.error("batch %s could not be cancelled: %s", other.id, error)  # noqa: TRY400 - the cause is in the text


async def _twinned(
    tx: Transaction,
    batch: BatchRecord,
    siblings: Sequence[JobRecord],
    current: JobRecord,
    other: Batch,
    *,
    swap: bool,
) -> None:
    now = tx.now()
    number = max(one.number for one in siblings) + 1
    await _add(tx, current, other, number, now)
    if swap:
        await _swap(tx, current, number)
    kept, gone = current.provider_batch_id, other.id
    if swap:
        kept, gone = gone, kept or ""
    reason = (
        f"a create that was not answered left a second batch at {current.account}: "
        f"{kept} is kept, and {gone} is cancelled unless it has ended"
    )
    log.warning("batch %s: %s", batch.id, reason)
    event = event_of("batch_status_changed", batch, batch_of(batch, siblings), now)
    event = replace(event, previous_status=batch.status, reason=reason)
    tx.record(event, subject=batch.id, owner=batch.owner)


async def _add(tx: Transaction, job: JobRecord, other: Batch, number: int, now: float) -> None:
    values: dict[str, Any] = {
        "id": new_id("job_"),
        "batch_id": job.batch_id,
        "number": number,
        "account": job.account,
        "provider": job.provider,
        "state": "tracking",
        "marker": job.marker,
        "twin_of": job.id,
        "models": job.models,
        "renames": job.renames,
        "provider_file_id": job.provider_file_id,
        "provider_file_state": job.provider_file_state,
        "provider_batch_id": other.id,
        "created_at": now,
        "submitted_at": now,
        "next_at": now,
        **seen_values(other, now),
    }
    await tx.connection.execute(insert(jobs).values(**values))


PROVIDER_COLUMNS = (
    "provider_batch_id",
    "provider_state",
    "status",
    "output_file_id",
    "error_file_id",
    "errors",
    "total",
    "completed",
    "failed",
)


async def _swap(tx: Transaction, job: JobRecord, number: int) -> None:
    """Let the batch of that number be the job's, and the job's the one that should not exist."""
    rows = {one.number: one for one in await tx.jobs(job.batch_id)}
    mine, twin = rows[job.number], rows[number]
    # the pair is unique: one of them has to let go first
    await _set(tx, twin, {"provider_batch_id": None})
    # what is being seen of either just now is the other's by then
    await tx.connection.execute(
        update(jobs).where(jobs.c.id.in_([mine.id, twin.id])).values(epoch=jobs.c.epoch + 1)
    )
    await _set(tx, mine, {name: getattr(twin, name) for name in PROVIDER_COLUMNS})
    await _set(tx, twin, {name: getattr(mine, name) for name in PROVIDER_COLUMNS})


async def _set(tx: Transaction, job: JobRecord, values: dict[str, Any]) -> None:
    await tx.connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))
