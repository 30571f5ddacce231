"""Deleting, at providers, what was made there for batches that are settled.

Of a job that has ended ``next_at`` says when its file is to be deleted; there is
none where it is kept, or gone already.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select, update

from batchyard.errors import BatchyardError, ConfigError, NotFoundError
from batchyard.ledger.accounts import Served
from batchyard.ledger.due import accounts_due
from batchyard.ledger.jobs import pause_after
from batchyard.ledger.parts import Parts, Transaction
from batchyard.ledger.records import JobRecord
from batchyard.ledger.tables import batches, jobs
from batchyard.models import Ref

__all__ = ["staged_by", "tidy", "tidy_later"]

log = logging.getLogger("batchyard.ledger")

AT_ONCE = 100
"""Files of one account that are deleted in a row."""

PATIENCE = 12
"""Attempts, over most of an hour, after which a file is left to the provider's own expiry."""

ABANDONED = 30 * 86_400.0
"""Seconds after which nobody is likely to come who has an account that nobody here has: a file is
left there for good, and its batch can be forgotten."""

AFTER_A_LOOK = 600.0
"""Seconds after a look for late lines, which may take as long."""

OURS = "batchyard-"
"""What the markers of jobs begin with whose file a ledger has uploaded."""


def staged_by(parts: Parts, job: JobRecord) -> bool:
    """Whether the job's file is one that is to be deleted when the batch is settled."""
    if job.provider_file_id is None or not job.marker.startswith(OURS):
        return False
    try:
        account = parts.accounts.get(job.account).account
    except ConfigError:
        return False  # it is kept: nobody here knows what its account wants
    return account.supports("delete_file") and account.staged_inputs() == "delete"


async def tidy_later(tx: Transaction, job_ids: Sequence[str]) -> None:
    """Have the files of these jobs deleted."""
    if job_ids:
        ended = (jobs.c.id.in_(job_ids), jobs.c.state == "ended")
        await tx.connection.execute(update(jobs).where(*ended).values(next_at=tx.now(), attempts=0))


async def tidy(parts: Parts) -> int:
    """Delete what is due to be; how many files it was.

    May be done by several workers at once: what is gone already is gone.
    """
    return sum([await _tidy_account(parts, one) for one in await _accounts(parts)])


async def _accounts(parts: Parts) -> list[str]:
    """Accounts with files to delete."""
    async with parts.db.reading() as connection:
        due = await accounts_due(connection, "ended", parts.now())
    return [one for one in due if one not in parts.accounts.absent]


async def _tidy_account(parts: Parts, account: str) -> int:
    try:
        served = parts.accounts.get(account)
    except ConfigError as error:
        log.info("the files of account %s are deleted elsewhere: %s", account, error)
        await _abandon(parts, account)
        return 0
    query = (
        select(jobs)
        .where(jobs.c.state == "ended", jobs.c.account == account, jobs.c.next_at <= parts.now())
        .order_by(jobs.c.next_at)
        .limit(AT_ONCE)
    )
    async with parts.db.reading() as connection:
        due = [JobRecord.of(row) for row in (await connection.execute(query)).mappings()]
    for done, job in enumerate(due):
        try:
            waits_until = await _waits_until(parts, served, job)
            if waits_until is not None:
                await _note(parts, job, next_at=waits_until)
                continue
            await _delete(served, job)
        except BatchyardError as error:
            await _later(parts, job, error)
            if error.retryable:
                return done  # the others would fare no better just now
        except Exception as error:
            # a mistake, ours or a plugin's: without a pause it would be made all the time
            log.exception("file %s cannot be deleted", job.provider_file_id)
            await _later(parts, job, BatchyardError(f"{type(error).__name__}: {error}"))
        else:
            await _note(parts, job, next_at=None)
    return len(due)


async def _abandon(parts: Parts, account: str) -> None:
    mine = (jobs.c.state == "ended", jobs.c.account == account)
    overdue = jobs.c.next_at <= parts.now() - ABANDONED
    async with parts.db.writing() as connection:
        given_up = await connection.execute(update(jobs).where(*mine, overdue).values(next_at=None))
    if given_up.rowcount:
        log.warning(
            "%d files are left at account %s, which is not configured any more",
            given_up.rowcount,
            account,
        )


async def _waits_until(parts: Parts, served: Served, job: JobRecord) -> float | None:
    """When to come again, where lines may yet come late: from what would be deleted."""
    if not served.account.supports("delete_batch"):
        return None
    query = select(batches.c.next_at).where(batches.c.id == job.batch_id)
    async with parts.db.reading() as connection:
        looks_at = (await connection.execute(query)).scalar_one_or_none()
    return None if looks_at is None else max(looks_at, parts.now()) + AFTER_A_LOOK


async def _delete(served: Served, job: JobRecord) -> None:
    call, account = served.call(job.id, batch=job.batch_id), served.account
    # by whomever: what is not found is gone
    with suppress(NotFoundError):
        file = Ref(job.provider_file_id or "", job.provider_file_state)
        await served.run(account.delete_file(call, file))
    if job.provider_batch_id is not None and account.supports("delete_batch"):
        with suppress(NotFoundError):
            batch = Ref(job.provider_batch_id, job.provider_state)
            await served.run(account.delete_batch(call, batch))


async def _later(parts: Parts, job: JobRecord, error: BatchyardError) -> None:
    if job.attempts + 1 >= PATIENCE:
        log.warning(
            "file %s of job %s is left at %s: %s",
            job.provider_file_id,
            job.id,
            job.account,
            error,
        )
        await _note(parts, job, next_at=None)
        return
    pause = pause_after(job.attempts, error)
    await _note(parts, job, next_at=parts.now() + pause, attempts=job.attempts + 1)


async def _note(parts: Parts, job: JobRecord, **values: float | None) -> None:
    async with parts.db.writing() as connection:
        mine = (jobs.c.id == job.id, jobs.c.state == "ended", jobs.c.next_at == job.next_at)
        await connection.execute(update(jobs).where(*mine).values(**values))
