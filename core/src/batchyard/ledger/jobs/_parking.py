"""What has to wait: jobs for which a provider has no room, and accounts to be left alone."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from typing import Any

from batchyard.errors import BatchyardError
from batchyard.ledger.jobs._batch_row import refresh
from batchyard.ledger.jobs._moves import REASON, due_at, move
from batchyard.ledger.leasing import Overtaken
from batchyard.ledger.parking import alone_until, leave_alone
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.models import Batch

__all__ = [
    "LONG",
    "may_be_sent_again",
    "park",
    "put_back",
    "sent_soon",
    "wait_for_account",
    "waited_enough",
]

log = logging.getLogger("batchyard.ledger")

ROOM_FIRST, ROOM_MOST = 60.0, 1800.0
"""Seconds before a job is sent again for which there was no room: twice as long each time."""

WAIT_MOST, SENDS_LEAST = 7 * 86_400.0, 10
"""Seconds for which a job waits for room, and how often it is sent at least, which nobody has done
while no worker ran.  After both a refusal is its end: there may never be as much room.
"""

LONG = 3600.0
"""Seconds: who asks to be left alone for longer does not mean the one job."""

PARKED_MOST = 2 * 86_400.0
"""Seconds that an account is left alone at most, whatever it asks for."""


def may_be_sent_again(job: JobRecord, seen: Batch, now: float) -> bool:
    """Whether the job was refused for now, and is ours to send: none that was adopted, no twin."""
    ours = job.sends > 0 and job.input is not None and job.twin_of is None
    return seen.terminal and seen.refused_for_now and ours and not waited_enough(job, now)


def waited_enough(job: JobRecord, now: float) -> bool:
    """Whether the job has waited for room for as long as any does."""
    return now - job.created_at > WAIT_MOST and job.sends >= SENDS_LEAST


async def put_back(parts: Parts, job: JobRecord, seen: Batch) -> BatchRecord | None:
    """Have the job sent again later, with the file that is uploaded already.

    Its batch at the provider is forgotten: nothing was carried out of it.
    """
    now = parts.now()
    said = next((one.message for one in seen.errors.data if one.message), "") if seen.errors else ""
    values: dict[str, Any] = {
        "provider_batch_id": None,
        "provider_state": None,
        "status": None,
        "output_file_id": None,
        "error_file_id": None,
        "errors": [],
        "completed": 0,
        "failed": 0,
        "observed_at": now,
        "missing_since": None,
        "twins_at": None,
        "cancel_sent_at": None,
        "attempts": 0,
        "reason": f"there is no room for it yet at {job.account}: {said}"[:REASON],
    }
    try:
        async with transaction(parts) as tx:
            batch = await tx.batch(job.batch_id)
            # one that is cancelled meanwhile ends where it would be sent
            pause = 0.0 if batch.cancelling_at is not None else _pause(job.sends)
            await move(tx, job, "uploaded", **values, next_at=now + pause)
            shown = await refresh(tx, batch, now)
    except Overtaken:
        return None
    log.warning("job %s waits %.0f s for room at %s: %s", job.id, pause, job.account, said)
    return shown


def _pause(sends: int) -> float:
    pause: float = min(ROOM_MOST, ROOM_FIRST * 2.0 ** min(max(sends - 1, 0), 16))
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - it keeps no secret


async def park(parts: Parts, job: JobRecord, error: BatchyardError) -> float:
    """Send nothing of the job's account for as long as it asks; seconds that the job waits."""
    seconds = min(error.retry_after or 0.0, PARKED_MOST)
    await leave_alone(parts.db, job.account, seconds)
    log.warning("account %s is sent nothing for %.0f s: %s", job.account, seconds, error)
    now = parts.now()
    async with transaction(parts) as tx:
        until = await alone_until(tx.connection, now, job.account) or now
        values = {"attempts": job.attempts + 1, "reason": str(error)[:REASON]}
        await move(tx, job, job.state, **values, next_at=due_at(job, until))
    return until - now


async def sent_soon(tx: Transaction, job: JobRecord) -> JobRecord | None:
    """The job, to be sent again now; ``None`` where its account is to be left alone."""
    until = await alone_until(tx.connection, tx.now(), job.account)
    if until is None:
        return await move(tx, job, "uploaded")
    await move(tx, job, "uploaded", next_at=due_at(job, until))
    return None


async def wait_for_account(parts: Parts, job: JobRecord) -> None:
    """Put the job off, unless somebody has it, or asks for it meanwhile, or has ended the wait."""
    reason = f"account {job.account} asked to be left alone for a while"
    with suppress(Overtaken):
        async with transaction(parts) as tx:
            until = await alone_until(tx.connection, tx.now(), job.account)
            if until is not None:
                values = {"next_at": due_at(job, until), "reason": job.reason or reason}
                await move(tx, job, job.state, **values)
