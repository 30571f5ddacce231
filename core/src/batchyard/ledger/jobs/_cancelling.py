"""Asking a provider to stop."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import update

from batchyard.errors import BatchyardError, ConfigError, NotFoundError, UnsupportedError
from batchyard.ledger.jobs._moves import REASON
from batchyard.ledger.jobs._observing import lost, observe
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.tables import jobs
from batchyard.models import Ref

__all__ = ["cancel_job"]

AGAIN = 60.0
"""Seconds after which a cancel is sent again that has not shown an effect."""


async def cancel_job(parts: Parts, job: JobRecord) -> None:
    """Send the cancel of a tracked job, and write down what came of it."""
    try:
        served = parts.accounts.get(job.account)
        ref = Ref(job.provider_batch_id or "", job.provider_state)
        seen = await served.run(
            served.account.cancel_batch(served.call(job.id, batch=job.batch_id), ref)
        )
    except NotFoundError as error:
        await lost(parts, job, error)
        return
    except UnsupportedError as error:
        await _noted(parts, job, error, sent_at=float("inf"))
        return
    except (BatchyardError, ConfigError) as error:
        await _noted(parts, job, error, sent_at=parts.now())
        return
    sent_at = parts.now()
    await _noted(parts, job, None, sent_at=sent_at)
    if seen.terminal and job.twins_at is not None:
        return  # it is retrieved next, and a twin looked for before the end is written down
    await observe(parts, replace(job, cancel_sent_at=sent_at), seen)


async def _noted(
    parts: Parts, job: JobRecord, error: BatchyardError | None, sent_at: float
) -> None:
    reason = None if error is None else f"cancel: {error}"[:REASON]
    async with parts.db.writing() as connection:
        await connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == "tracking")
            .values(cancel_sent_at=sent_at, reason=reason)
        )
