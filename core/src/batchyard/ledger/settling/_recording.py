"""Writing settlements down, many in one transaction: each once, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select, update

from batchyard.ledger.budgets import true_up
from batchyard.ledger.jobs import batch_of, event_of
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.receipts import write
from batchyard.ledger.records import BatchRecord
from batchyard.ledger.settlement import Settled
from batchyard.ledger.settling._result_files import result_file
from batchyard.ledger.tables import batches, files
from batchyard.ledger.tidying import tidy_later
from batchyard.models import BatchEvent, Receipt, Totals, Usage

__all__ = ["Settlement", "event_with", "file_rows", "record_all", "settled_values"]

LATER = 3600.0
"""Seconds after a settlement with missing lines when they are looked for again."""

HOOKS = {
    "completed": "batch_success",
    "failed": "batch_failed",
    "expired": "batch_expired",
    "cancelled": "batch_cancelled",
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """All that is written down of a batch when it is settled.

    ``output_id`` and ``error_id`` are files that are in the store already;
    ``staged`` are jobs whose uploads are to be deleted at their providers.
    """

    batch: BatchRecord
    settled: Settled
    receipt: Receipt
    output_id: str | None
    error_id: str | None
    staged: Sequence[str] = ()


async def record_all(parts: Parts, found: Sequence[Settlement]) -> list[bool]:
    """Record, totals, files and event of each, unless another worker was faster; whether it was.

    Fenced by the epoch of the claim, and by the key of the settlement.
    """
    async with transaction(parts) as tx:
        held = await _still_held(parts, tx, found)
        ours = [one for one in found if held.get(one.batch.id) == one.batch.epoch]
        if ours:
            await _write(tx, ours)
    return [held.get(one.batch.id) == one.batch.epoch for one in found]


async def _still_held(parts: Parts, tx: Transaction, found: Sequence[Settlement]) -> dict[str, int]:
    query = (
        select(batches.c.id, batches.c.epoch)
        .where(
            batches.c.id.in_([one.batch.id for one in found]),
            parts.db.tested(batches.c.phase) == "ended",
        )
        .order_by(batches.c.id)
        .with_for_update()
    )
    return {row.id: row.epoch for row in await tx.connection.execute(query)}


async def _write(tx: Transaction, ours: Sequence[Settlement]) -> None:
    now = tx.now()
    values = [_values(one, now) for one in ours]
    names = [name for name in values[0] if name != "batch"]
    statement = (
        update(batches)
        .where(batches.c.id == bindparam("batch"))
        .values({name: bindparam(name) for name in names})
    )
    await tx.connection.execute(statement, values)
    await write(tx.connection, [one.receipt for one in ours])
    await tidy_later(tx, [job_id for one in ours for job_id in one.staged])
    await true_up(tx.connection, [one.receipt for one in ours])
    after = [
        replace(one.batch, **{name: row[name] for name in names if name != "lease_until"})
        for one, row in zip(ours, values, strict=True)
    ]
    rows = [
        row
        for one, batch in zip(ours, after, strict=True)
        for row in file_rows(batch, one.settled, now)
    ]
    if rows:
        await tx.connection.execute(files.insert(), rows)
    for one, batch in zip(ours, after, strict=True):
        hook = HOOKS.get(batch.status, "batch_failed")
        event = replace(event_with(hook, batch, one.receipt, now), previous_status="finalizing")
        tx.record(event, subject=batch.id, owner=batch.owner)


def _values(one: Settlement, now: float) -> dict[str, Any]:
    return {
        **settled_values(one.settled, one.output_id, one.error_id),
        "batch": one.batch.id,
        "phase": "settled",
        "status": one.batch.outcome,
        "settled_at": now,
        "attempts": 0,
        "reason": None,
        "lease_until": None,
        "next_at": now + LATER if one.settled.missing else None,
    }


def settled_values(settled: Settled, output_id: str | None, error_id: str | None) -> dict[str, Any]:
    """The batch's files and counts, from what was counted and not from what was said."""
    outcomes, lines = settled.proof.outcomes, settled.proof.lines
    done = outcomes.get("ok", 0)
    total = lines if lines is not None else sum(outcomes.values())
    return {
        "output_file_id": output_id,
        "error_file_id": error_id,
        "total": total,
        "completed": done,
        "failed": total - done,
        "usage": _shown(sum((one.usage for one in settled.usages.values()), Usage())),
    }


def _shown(usage: Usage) -> dict[str, Any]:
    """Tokens as a batch object has them (OpenAI API reference, Batch object)."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def file_rows(batch: BatchRecord, settled: Settled, now: float) -> list[dict[str, Any]]:
    """The rows of the batch's result files."""
    written = (
        (batch.output_file_id, settled.output, "output"),
        (batch.error_file_id, settled.errors, "error"),
    )
    return [
        result_file(batch, file_id, one, kind, now)
        for file_id, one, kind in written
        if file_id is not None
    ]


def event_with(hook: str, batch: BatchRecord, receipt: Receipt, now: float) -> BatchEvent:
    """An event that carries a receipt; its totals are over all responses."""
    answered = sum(one.lines for one in receipt.items)
    totals = Totals(receipt.usage, answered, receipt.cost)
    event = event_of(hook, batch, batch_of(batch), now)
    return replace(event, totals=totals, receipt=receipt)
