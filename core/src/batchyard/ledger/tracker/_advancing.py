"""One batch, as far as it goes now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select

from batchyard.ledger.jobs import submit, wait_for_account
from batchyard.ledger.parking import parked_until
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.settling import adjust, settle
from batchyard.ledger.states import UNSENT, Phase
from batchyard.ledger.tables import batches, jobs

__all__ = ["advance"]


async def advance(parts: Parts, batch_id: str) -> None:
    """Do what is due for the batch: send its jobs, settle it, look for what came late.

    May be called at any time, by any number of workers at once: each step is
    claimed, and what is claimed by another is left to it.
    """
    due = await parts.grouped(_due_all, batch_id)
    for job in due.parked:
        await wait_for_account(parts, job)
    for job in due.jobs:
        await submit(parts, job)
    if due.jobs:
        # a job that was refused may have been the last
        due = await parts.grouped(_due_all, batch_id)
    if due.phase == "ended":
        await settle(parts, batch_id)
    elif due.phase == "settled":
        await adjust(parts, batch_id)


@dataclass(slots=True)
class _Due:
    """Jobs that are to be sent now, and the phase of a batch for which something is due.

    ``parked`` are jobs of accounts that are to be left alone.
    """

    jobs: list[JobRecord] = field(default_factory=list)
    parked: list[JobRecord] = field(default_factory=list)
    phase: Phase | None = None


async def _due_all(parts: Parts, ids: Sequence[str]) -> list[_Due]:
    """What is due for each, asked for all of them at once."""
    now = parts.now()
    found = {batch_id: _Due() for batch_id in ids}
    # nothing is sent of what is cancelled or looked for, so it need not wait for its account
    unheld = or_(batches.c.cancelling_at.is_not(None), jobs.c.state == "creating")
    unsent = (
        select(jobs, unheld.label("unheld"))
        .join(batches, batches.c.id == jobs.c.batch_id)
        .where(
            jobs.c.batch_id.in_(found),
            parts.db.tested(jobs.c.state).in_(UNSENT),
            jobs.c.next_at <= now,
        )
    )
    ended = select(batches.c.id, batches.c.phase).where(
        batches.c.id.in_(found), batches.c.next_at <= now
    )
    alone = await parked_until(parts.db)
    async with parts.db.reading() as connection:
        for row in (await connection.execute(unsent.order_by(jobs.c.number))).mappings():
            of_batch, job = found[row["batch_id"]], JobRecord.of(row)
            if job.account in alone and not row["unheld"]:
                of_batch.parked.append(job)
            else:
                of_batch.jobs.append(job)
        for batch_id, phase in await connection.execute(ended):
            found[batch_id].phase = phase
    return [found[batch_id] for batch_id in ids]
