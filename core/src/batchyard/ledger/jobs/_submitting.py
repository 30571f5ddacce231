"""From an intent to a provider's batch, however often the process dies on the way."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from batchyard.errors import (
    AmbiguousCreateError,
    AuthenticationError,
    BatchyardError,
    ConfigError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    SourceError,
    UnsupportedError,
)
from batchyard.ledger.accounts import Served
from batchyard.ledger.jobs._batch_row import announce_created, batch_of, refresh
from batchyard.ledger.jobs._moves import (
    REASON,
    due_at,
    move,
    moved,
    pause_after,
    put_off,
    say_why,
    set_aside,
)
from batchyard.ledger.jobs._observing import job_refused, seen_values
from batchyard.ledger.jobs._parking import LONG, park, sent_soon, waited_enough
from batchyard.ledger.jobs._requests import request_of, upload_of
from batchyard.ledger.jobs._twins import confirmed, record_twin
from batchyard.ledger.leasing import Overtaken, claim, held, release
from batchyard.ledger.parts import Parts, transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.states import UNSENT, JobState
from batchyard.ledger.tables import jobs
from batchyard.models import Batch, Ref
from batchyard.steps import ambiguous

__all__ = ["submit"]

log = logging.getLogger("batchyard.ledger")

CREATE_TIMEOUT = 60.0
"""Seconds that a create may take, and for which it is looked for before it is sent again."""

LOOK_EVERY = 5.0
"""Seconds between two looks for a batch that an unanswered create may have made."""

PATIENCE = 8
"""Attempts, over some ten minutes, after which refused credentials count as a refusal."""

TWINS = 90.0
"""Seconds after a create that was sent again in which the first one may still turn up."""


async def submit(parts: Parts, job: JobRecord) -> None:
    """Bring the job to its provider, as far as it goes now.

    Does nothing where another worker is at it.  A failure that may pass puts
    the job off with its reason; a refusal ends it.
    """
    try:
        served = parts.accounts.get(job.account)
    except ConfigError as error:
        # it is left to a worker that has the account
        await say_why(parts, job, error)
        return
    # still due: another worker may have tried since, and been asked to wait
    due = jobs.c.state.in_(UNSENT) & (jobs.c.next_at <= parts.now())
    epoch = await claim(parts, jobs, job.id, due)
    if epoch is None:
        return
    try:
        async with held(parts, jobs, job.id, epoch):
            current = await _read(parts, job.id, epoch)
            await _onwards(parts, served, current)
    except Overtaken:
        log.info("job %s is at another worker now", job.id)
    except BatchyardError:
        raise
    except Exception as error:
        # a mistake, ours or a plugin's: without a pause it would be made all the time
        log.exception("job %s cannot be sent", job.id)
        await set_aside(parts, replace(job, epoch=epoch), error)
    finally:
        await release(parts, jobs, job.id, epoch)


async def _read(parts: Parts, job_id: str, epoch: int) -> JobRecord:
    async with transaction(parts) as tx:
        query = jobs.select().where(jobs.c.id == job_id, jobs.c.epoch == epoch)
        row = (await tx.connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise Overtaken(job_id)
    return JobRecord.of(row)


async def _onwards(parts: Parts, served: Served, job: JobRecord) -> None:
    if job.state == "uploaded" and job.sends:
        job = await _with_file(parts, served, job)
    fresh = False
    while job.state in UNSENT:
        if job.state in {"uploaded", "creating"}:
            after = await _create(parts, served, job, fresh=fresh)
        else:
            after = await _upload(parts, served, job)
        if after is None:
            return
        fresh = job.state not in {"uploaded", "creating"}
        job = after


async def _upload(parts: Parts, served: Served, job: JobRecord) -> JobRecord | None:
    """The job with its own file at the provider; ``None`` if it must wait, or has ended."""
    account, call = served.account, served.call(job.id, batch=job.batch_id, marker=job.marker)
    if job.input is None:
        # gates have left nothing of the file
        await _ended_unsent(parts, job, "completed", None)
        return None
    try:
        stored, sent_at = None, parts.now()
        if job.state == "uploading":
            # since the first send, before which there was nothing: a provider may have taken
            # thousands of files since the job was created
            sent_at = job.sent_at or job.created_at
            if account.supports("find_file"):
                stored = await served.run(account.find_file(call, job.marker, sent_at))
        begun = await _begin(parts, job, "uploading", sent_at=sent_at)
        if begun is None:
            return None
        _, job = begun
        if stored is None:
            file = await asyncio.to_thread(upload_of, parts.store, job)
            stored = await served.run(account.upload_file(call, file))
    except BatchyardError as error:
        await _failed(parts, job, error)
        return None
    return await moved(
        parts,
        job,
        "uploaded",
        provider_file_id=stored.id,
        provider_file_state=stored.provider_state,
        attempts=0,
        reason=None,
    )


async def _with_file(parts: Parts, served: Served, job: JobRecord) -> JobRecord:
    """The job before it is sent again; back at its upload where its file is gone by now."""
    if job.provider_file_id is None or not served.account.supports("retrieve_file"):
        return job
    ref = Ref(job.provider_file_id, job.provider_file_state)
    try:
        await served.run(served.account.retrieve_file(served.call(job.id, batch=job.batch_id), ref))
    except NotFoundError:
        log.warning("job %s is uploaded again: its file %s is gone", job.id, ref.id)
        return await moved(parts, job, "uploading", provider_file_id=None, provider_file_state=None)
    except BatchyardError as error:
        # the create says what is wrong
        log.info("the file of job %s cannot be looked at: %s", job.id, error)
    return job


async def _create(parts: Parts, served: Served, job: JobRecord, *, fresh: bool) -> JobRecord | None:
    """*fresh* says that its file was uploaded just now: it cannot be gone."""
    if job.state == "creating":
        return await _look(parts, served, job)
    try:
        begun = await _begin(parts, job, "creating", sent_at=parts.now(), sends=job.sends + 1)
        if begun is None:
            return None
        batch, job = begun
        # each send is written down before it goes: none is repeated on the way
        call = served.call(
            job.id, batch=job.batch_id, marker=job.marker, timeout=CREATE_TIMEOUT, max_retries=0
        )
        made = await served.run(served.account.create_batch(call, request_of(batch, job)))
    except BatchyardError as error:
        if isinstance(error, NotFoundError) and not fresh:
            # a file may have expired or, where the provider keeps none, be at another worker
            job = await _with_file(parts, served, await moved(parts, job, "uploaded"))
            if job.state == "uploading":
                return job
        await _failed(parts, job, error)
        return None
    return await _tracked(parts, job, made)


async def _look(parts: Parts, served: Served, job: JobRecord) -> JobRecord | None:
    """Look for what a create made that was not answered, before it is sent again."""
    try:
        found = await _left_behind(served, job)
    except BatchyardError as error:
        if error.code == "ambiguous_create":
            await _ended_unsent(parts, job, "failed", error)
        else:
            # whatever it is, it says nothing of what the create made
            await _unknown(parts, job, error)
        return None
    if found is not None:
        return await _tracked(parts, job, found)
    return await _not_there(parts, job)


async def _unknown(parts: Parts, job: JobRecord, error: BatchyardError) -> None:
    """Leave the job in ``creating``: nobody knows yet whether it has a batch."""
    pause = max(LOOK_EVERY, pause_after(job.attempts, error))
    await moved(
        parts,
        job,
        "creating",
        attempts=job.attempts + 1,
        reason=f"the create was not answered, and is looked for: {error}"[:REASON],
        next_at=due_at(job, parts.now() + pause),
    )


async def _begin(
    parts: Parts, job: JobRecord, to: JobState, **values: Any
) -> tuple[BatchRecord, JobRecord] | None:
    """Write down that something is about to be sent; ``None`` if the batch is cancelled instead."""
    async with transaction(parts) as tx:
        batch = await tx.batch(job.batch_id)
        if batch.cancelling_at is not None:
            await job_refused(tx, batch, job, "cancelled", None)
            return None
        return batch, await move(tx, job, to, **values)


async def _left_behind(served: Served, job: JobRecord) -> Batch | None:
    """What an unanswered create made, as far as the provider shows it yet."""
    call = served.call(job.id, batch=job.batch_id, marker=job.marker)
    file = Ref(job.provider_file_id or "", job.provider_file_state)
    try:
        found = await served.run(
            served.account.find_batch(call, job.marker, file, job.sent_at or job.created_at)
        )
    except UnsupportedError as error:
        raise AmbiguousCreateError(
            "the create was not answered, and the provider has no way to look for what it made",
            code="ambiguous_create",
            retryable=False,
        ) from error
    return None if found is None else await confirmed(served, job, found)


async def _not_there(parts: Parts, job: JobRecord) -> JobRecord | None:
    """Look again for a while; then it is known that nothing was made."""
    now = parts.now()
    if now < (job.sent_at or now) + CREATE_TIMEOUT:
        await moved(parts, job, "creating", next_at=due_at(job, now + LOOK_EVERY))
        return None
    async with transaction(parts) as tx:
        return await sent_soon(tx, job)


async def _tracked(parts: Parts, job: JobRecord, made: Batch) -> JobRecord | None:
    """The provider's batch is known: the job is tracked from here on."""
    now = parts.now()
    settings = parts.settings
    values: dict[str, Any] = seen_values(made, now, job)
    values.update(
        provider_batch_id=made.id,
        submitted_at=now,
        attempts=0,
        reason=None,
        next_at=now + settings.poll_first,
        twins_at=now + TWINS if job.sends > 1 else None,
    )
    try:
        async with transaction(parts) as tx:
            batch = await tx.batch(job.batch_id)
            first = not any(one.submitted_at for one in await tx.jobs(batch.id))
            job = await move(tx, job, "tracking", **values)
            if first:
                # before what is told of its status: the provider may have begun with it
                await announce_created(tx, batch, batch_of(batch, await tx.jobs(batch.id)), now)
            await refresh(tx, batch, now)
    except Overtaken:
        # our reply came late; whoever went on may have sent the create again
        await record_twin(parts, job, made)
        raise
    return job


async def _failed(parts: Parts, job: JobRecord, error: BatchyardError) -> None:
    """What a failure means for the job: look for what was sent, try later, or the end."""
    if job.state == "creating" and (ambiguous(error) or isinstance(error, AmbiguousCreateError)):
        await _unknown(parts, job, error)
        return
    passing = error.retryable or isinstance(error, ConfigError | SourceError)
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        # a key that was changed, or rights that are on their way, and no word on the batch
        passing = job.attempts < PATIENCE
    elif isinstance(error, RateLimitError) and waited_enough(job, parts.now()):
        passing = False
    if not passing:
        await _ended_unsent(parts, job, "failed", error)
        return
    if job.state == "creating":
        job = await moved(parts, job, "uploaded")
    if (error.retry_after or 0.0) > LONG:
        pause = await park(parts, job, error)
    else:
        pause = await put_off(parts, job, error)
    log.warning("job %s waits %.0f s: %s", job.id, pause, error)


async def _ended_unsent(
    parts: Parts, job: JobRecord, status: str, error: BatchyardError | None
) -> None:
    async with transaction(parts) as tx:
        batch = await tx.batch(job.batch_id)
        await job_refused(tx, batch, job, status, error)
