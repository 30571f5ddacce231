"""Cancelling a batch: all its jobs, whatever they are at."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import update

from batchyard.ledger.batches._reading import find_batch
from batchyard.ledger.jobs import job_refused, refresh
from batchyard.ledger.leasing import Overtaken
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.tables import batches, jobs

__all__ = ["cancel"]


async def cancel(parts: Parts, batch_id: str, *, owner: str | None) -> BatchRecord:
    """Ask for the batch to be stopped.  One that has ended is returned as it is.

    Jobs that no provider has seen end here; the others are cancelled by whoever
    follows the batch.
    """
    found = await find_batch(parts, batch_id, owner=owner)
    if found.phase != "open" or found.cancelling_at is not None:
        return found
    now = parts.now()
    async with transaction(parts) as tx:
        batch = await tx.batch(batch_id)
        if batch.phase != "open" or batch.cancelling_at is not None:
            return batch
        statement = update(batches).where(batches.c.id == batch_id).values(cancelling_at=now)
        await tx.connection.execute(statement)
        # what is followed is looked at soon, to be sent the cancel
        mine = (jobs.c.batch_id == batch_id, jobs.c.state != "ended")
        await tx.connection.execute(update(jobs).where(*mine).values(next_at=now))
        for job in await tx.jobs(batch_id):
            if job.state == "pending":
                await _ended(tx, batch_id, job)
        return await refresh(tx, await tx.batch(batch_id), now)


async def _ended(tx: Transaction, batch_id: str, job: JobRecord) -> None:
    with suppress(Overtaken):  # it is being sent just now, and is cancelled after that
        await job_refused(tx, await tx.batch(batch_id), job, "cancelled", None)
