"""The one settlement of a batch."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from sqlalchemy import update

from batchyard.errors import BatchyardError, ConfigError
from batchyard.ledger.ids import new_id
from batchyard.ledger.jobs import look_again, pause_after
from batchyard.ledger.leasing import granted, held, release
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import BatchRecord
from batchyard.ledger.settling._claiming import Claimed, claim_all
from batchyard.ledger.settling._counting import Counted, count, keep
from batchyard.ledger.settling._pricing import receipt_for
from batchyard.ledger.settling._recording import Settlement, record_all
from batchyard.ledger.tables import batches
from batchyard.ledger.tidying import staged_by

__all__ = ["settle"]

log = logging.getLogger("batchyard.ledger")

GRACE_EVERY = 15.0
"""Seconds between two looks for what a job that has ended still lacks."""


async def settle(parts: Parts, batch_id: str) -> bool:
    """Settle a batch whose jobs have all ended; whether it is settled now, and by this call.

    Does nothing where another worker is at it, or has been.  What still lacks is
    waited for during the grace period, and a failure puts the settlement off.
    Claims and records of those that are settled at the same time share transactions.
    """
    claimed = await granted(parts.grouped(claim_all, batch_id), partial(_release, parts))
    if claimed is None:
        return False
    batch = claimed.batch
    try:
        async with held(parts, batches, batch.id, batch.epoch):
            return await _settle(parts, claimed)
    except (BatchyardError, OSError) as error:
        if isinstance(error, ConfigError) and batch.account in parts.accounts.absent:
            # it is left to a worker that has the account
            await _put_back(parts, batch, reason=str(error)[:500])
        else:
            await _put_off(parts, batch, error)
        return False
    except Exception as error:
        # a mistake, ours or a plugin's: without a pause it would be made all the time
        log.exception("batch %s cannot be settled", batch.id)
        await _put_off(parts, batch, error)
        return False
    except BaseException:
        await _release(parts, claimed)
        raise


async def _release(parts: Parts, claimed: Claimed) -> None:
    await release(parts, batches, claimed.batch.id, claimed.batch.epoch)


async def _settle(parts: Parts, claimed: Claimed) -> bool:
    batch, jobs = claimed.batch, claimed.jobs
    async with count(parts, batch, jobs) as counted:
        if await _wait_for_more(parts, claimed, counted):
            return False
        receipt = receipt_for(parts, batch, jobs, counted.settled)
        output = new_id("file-") if counted.settled.output.lines else None
        errors = new_id("file-") if counted.settled.errors.lines else None
        await keep(parts, counted, output, errors)
    staged = [job.id for job in jobs if staged_by(parts, job)]
    found = Settlement(batch, counted.settled, receipt, output, errors, staged)
    # where it fails or is cut off the record may have been made: then the files are its own
    recorded = await parts.grouped(record_all, found)
    if not recorded:
        log.info("batch %s was settled by another worker", batch.id)
        for file_id in filter(None, (output, errors)):
            await asyncio.to_thread(parts.store.delete_all, file_id)
    return recorded


async def _wait_for_more(parts: Parts, claimed: Claimed, counted: Counted) -> bool:
    """Whether what a completed job lacks may still come; then it is looked for again."""
    batch = claimed.batch
    completed = [job for job in claimed.jobs if job.status == "completed"]
    lacking = counted.lacks or (counted.settled.missing and completed)
    now = parts.now()
    if not lacking or now >= (batch.ended_at or now) + parts.settings.grace:
        return False
    why = "; ".join(counted.lacks) or f"{counted.settled.missing} lines have no result yet"
    for job in claimed.jobs:
        await look_again(parts, job)
    await _put_back(
        parts, batch, next_at=now + GRACE_EVERY, reason=f"waiting for results: {why}"[:500]
    )
    return True


async def _put_off(parts: Parts, batch: BatchRecord, error: Exception) -> None:
    asked = error if isinstance(error, BatchyardError) else None
    pause = pause_after(batch.attempts, asked)
    log.warning("batch %s is settled later, in %.0f s: %s", batch.id, pause, error)
    await _put_back(
        parts,
        batch,
        next_at=parts.now() + pause,
        attempts=batch.attempts + 1,
        reason=f"the settlement failed: {error}"[:500],
    )


async def _put_back(parts: Parts, batch: BatchRecord, **values: Any) -> None:
    """Give the batch back for a later attempt."""
    async with parts.db.writing() as connection:
        await connection.execute(
            update(batches)
            .where(batches.c.id == batch.id, batches.c.epoch == batch.epoch)
            .values(lease_until=None, **values)
        )
