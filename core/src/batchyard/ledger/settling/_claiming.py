"""Taking batches up to settle them, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, update

from batchyard.ledger.leasing import LEASE
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.tables import batches, jobs

__all__ = ["Claimed", "claim_all"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that is ours to settle, as long as its epoch is the one here."""

    batch: BatchRecord
    jobs: list[JobRecord]


async def claim_all(parts: Parts, ids: Sequence[str]) -> list[Claimed | None]:
    """Claim the batches that have ended and are due, and that nobody settles; in *ids*' order."""
    now = parts.now()
    due = (
        batches.c.id.in_(ids),
        parts.db.tested(batches.c.phase) == "ended",
        or_(batches.c.next_at.is_(None), batches.c.next_at <= now),
        or_(batches.c.lease_until.is_(None), batches.c.lease_until <= now),
    )
    # locked in one order, so that two workers with the same batches do not wait for each other
    free = parts.db.claimable(select(batches.c.id).where(*due).order_by(batches.c.id))
    claim = (
        update(batches)
        .where(batches.c.id.in_(free.scalar_subquery()))
        .values(lease_until=now + LEASE, epoch=batches.c.epoch + 1)
        .returning(*batches.c)
    )
    async with parts.db.writing() as connection:
        rows = (await connection.execute(claim)).mappings().all()
        claimed = {row["id"]: BatchRecord.of(row) for row in rows}
        query = select(jobs).where(jobs.c.batch_id.in_(claimed)).order_by(jobs.c.number)
        of_batch: dict[str, list[JobRecord]] = {batch_id: [] for batch_id in claimed}
        for row in (await connection.execute(query)).mappings():
            of_batch[row["batch_id"]].append(JobRecord.of(row))
    found = {batch_id: Claimed(one, of_batch[batch_id]) for batch_id, one in claimed.items()}
    # asked for twice at a time, it is one caller's
    return [found.pop(batch_id, None) for batch_id in ids]
