"""Results that come after the settlement: an adjustment, never a second settlement."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from batchyard.errors import BatchyardError, ConfigError
from batchyard.ledger.budgets import true_up
from batchyard.ledger.ids import new_id
from batchyard.ledger.jobs import look_again
from batchyard.ledger.leasing import Overtaken, claim, held, release
from batchyard.ledger.parts import Parts, transaction
from batchyard.ledger.receipts import combined, merged, read, reversed_items, write
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.settling._counting import Counted, count, keep
from batchyard.ledger.settling._pricing import receipt_for
from batchyard.ledger.settling._recording import event_with, file_rows, settled_values
from batchyard.ledger.tables import batches, files
from batchyard.models import Outcome, Proof, Receipt
from batchyard.prices import difference

__all__ = ["adjust"]

log = logging.getLogger("batchyard.ledger")

LOOKS = (6 * 3600.0, 24 * 3600.0)
"""Seconds until the second and the third look for late lines; after that nobody looks."""


async def adjust(parts: Parts, batch_id: str) -> bool:
    """Look for lines that came late; whether there were any."""
    now = parts.now()
    due = (batches.c.phase == "settled") & (batches.c.next_at <= now)
    epoch = await claim(parts, batches, batch_id, due)
    if epoch is None:
        return False
    async with transaction(parts) as tx:
        batch = replace(await tx.batch(batch_id), epoch=epoch)
        jobs = await tx.jobs(batch_id)
    try:
        async with held(parts, batches, batch_id, epoch):
            return await _adjust(parts, batch, jobs)
    except Overtaken:
        return False
    except (BatchyardError, OSError) as error:
        if isinstance(error, ConfigError) and batch.account in parts.accounts.absent:
            return False  # it is left to a worker that has the account
        log.warning("late lines of batch %s are looked for later: %s", batch_id, error)
        await _look_later(parts, batch)
        return False
    except Exception:
        # a mistake, ours or a plugin's: without a pause it would be made all the time
        log.exception("batch %s cannot be adjusted", batch_id)
        await _look_later(parts, batch)
        return False
    finally:
        await release(parts, batches, batch_id, epoch)


async def _adjust(parts: Parts, batch: BatchRecord, jobs: list[JobRecord]) -> bool:
    for job in jobs:
        await look_again(parts, job)
    async with parts.db.reading() as connection:
        before = await read(connection, batch.id, batch.identity)
    known = combined(before)
    async with transaction(parts) as tx:
        jobs = await tx.jobs(batch.id)
    async with count(parts, batch, jobs) as counted:
        if known is None or not _is_news(known.proof, counted):
            await _look_later(parts, batch)
            return False
        whole = receipt_for(parts, batch, jobs, counted.settled)
        if whole.usage.total_tokens < known.usage.total_tokens:
            # less than was there is a file that is going, and no news
            await _look_later(parts, batch)
            return False
        await _write(parts, batch, counted, _difference(known, whole, len(before)))
    return True


def _is_news(known: Proof, counted: Counted) -> bool:
    """Whether lines have come, and none has gone: a provider deletes its files in time."""
    found = counted.settled.proof
    # without the input nobody can say what is missing
    if found.lines != known.lines or found.outcomes == known.outcomes:
        return False
    lasting: list[Outcome] = ["ok", "blocked"]
    if counted.lacks:
        # else lines of a job that failed, which were errors, may have come
        lasting.append("error")
    return all(found.outcomes.get(one, 0) >= known.outcomes.get(one, 0) for one in lasting)


def _difference(known: Receipt, whole: Receipt, number: int) -> Receipt:
    items = merged([*whole.items, *reversed_items(known.items)])
    priced = difference(whole.priced_cost, known.priced_cost)
    unknown = any(one.cost is None for one in items)
    return replace(
        whole,
        number=number,
        kind="adjustment",
        items=items,
        cost=None if unknown else priced,
        priced_cost=priced,
    )


async def _write(parts: Parts, batch: BatchRecord, counted: Counted, receipt: Receipt) -> None:
    output = new_id("file-") if counted.settled.output.lines else None
    errors = new_id("file-") if counted.settled.errors.lines else None
    await asyncio.to_thread(keep, parts.store, counted, output, errors)
    old = [one for one in (batch.output_file_id, batch.error_file_id) if one is not None]
    async with transaction(parts) as tx:
        values: dict[str, Any] = settled_values(counted.settled, output, errors)
        missing = counted.settled.missing
        values["next_at"] = tx.now() + LOOKS[0] if missing else None
        fenced = (batches.c.id == batch.id, batches.c.epoch == batch.epoch)
        statement = update(batches).where(*fenced).values(**values).returning(*batches.c)
        row = (await tx.connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise Overtaken(batch.id)
        changed = BatchRecord.of(row)
        gone = update(files).where(files.c.id.in_(old)).values(deleted_at=tx.now())
        await tx.connection.execute(gone)
        await write(tx.connection, [receipt])
        whole = combined(await read(tx.connection, batch.id, batch.identity))
        await true_up(tx.connection, [whole] if whole else [])
        rows = file_rows(changed, counted.settled, tx.now())
        if rows:
            await tx.connection.execute(files.insert(), rows)
        event = event_with("batch_adjusted", changed, receipt, tx.now())
        tx.record(event, subject=batch.id, owner=batch.owner)
    for file_id in old:
        await asyncio.to_thread(parts.store.delete_all, file_id)


async def _look_later(parts: Parts, batch: BatchRecord) -> None:
    later = LOOKS[batch.attempts] if batch.attempts < len(LOOKS) else None
    values = {
        "attempts": batch.attempts + 1,
        "next_at": None if later is None else parts.now() + later,
    }
    async with parts.db.writing() as connection:
        fenced = (batches.c.id == batch.id, batches.c.epoch == batch.epoch)
        await connection.execute(update(batches).where(*fenced).values(**values))
