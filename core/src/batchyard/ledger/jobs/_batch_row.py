"""The batch as its jobs make it: what is shown of it, computed over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from batchyard.ledger.parts import Transaction
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.states import outcome_of, status_of
from batchyard.ledger.tables import batches
from batchyard.models import Batch, BatchError, BatchErrors, BatchEvent, BatchUsage, RequestCounts

__all__ = ["announce_created", "announce_stalled", "batch_of", "event_of", "refresh"]

ERRORS = 100
"""Errors of its jobs that a batch shows."""


async def refresh(tx: Transaction, batch: BatchRecord, now: float) -> BatchRecord:
    """Write down what the jobs make of the batch, and tell if it changed its status.

    The batch is locked.  When the last job has ended it is due to be settled.
    """
    parts = await tx.jobs(batch.id)
    if batch.phase != "open":
        return batch
    values = _figures(batch, parts, now)
    status = status_of(
        [(one.state, one.status) for one in parts], cancelling=batch.cancelling_at is not None
    )
    values["status"] = status
    if all(one.state == "ended" for one in parts):
        outcome = outcome_of({one.status for one in parts if one.twin_of is None})
        ended = max(one.ended_at or now for one in parts)
        values.update(phase="ended", outcome=outcome, ended_at=ended, next_at=now, attempts=0)
    if status == "finalizing" and batch.finalizing_at is None:
        values["finalizing_at"] = now
    statement = update(batches).where(batches.c.id == batch.id).values(**values)
    row = (await tx.connection.execute(statement.returning(*batches.c))).mappings().one()
    changed = BatchRecord.of(row)
    if changed.status != batch.status:
        event = event_of("batch_status_changed", changed, batch_of(changed, parts), now)
        event = replace(event, previous_status=batch.status)
        tx.record(event, subject=batch.id, owner=batch.owner)
    return changed


def _figures(batch: BatchRecord, parts: Sequence[JobRecord], now: float) -> dict[str, Any]:
    """Counts and times over all jobs but those that should not exist."""
    own = [one for one in parts if one.twin_of is None]
    started = [one.started_at for one in own if one.started_at is not None]
    expected = [one.expected_by for one in own if one.expected_by is not None]
    running = [one for one in own if one.state != "ended"]
    observed = [one.observed_at for one in running if one.observed_at is not None]
    errors = [error for one in own for error in one.errors][:ERRORS]
    return {
        "completed": sum(one.completed for one in own),
        "failed": sum(one.failed for one in own),
        "errors": errors,
        "in_progress_at": batch.in_progress_at or (min(started) if started else None),
        "expires_at": max(expected) if expected else batch.expires_at,
        # the oldest look is how old the picture is; what has ended does not change any more
        "observed_at": _oldest(observed, len(running), batch.observed_at, now),
    }


def _oldest(observed: Sequence[float], running: int, before: float | None, now: float) -> float:
    if not running:
        return now
    return min(observed) if len(observed) == running else before or now


_ENDED_AT = {
    "completed": "completed_at",
    "failed": "failed_at",
    "expired": "expired_at",
    "cancelled": "cancelled_at",
}


def batch_of(batch: BatchRecord, parts: Sequence[JobRecord] = ()) -> Batch:
    """The batch as OpenAI shows one, under our ids."""
    times: dict[str, Any] = {
        "created_at": batch.created_at,
        "in_progress_at": batch.in_progress_at,
        "expires_at": batch.expires_at,
        "finalizing_at": batch.finalizing_at,
        "cancelling_at": batch.cancelling_at,
    }
    if batch.status in _ENDED_AT:
        times[_ENDED_AT[batch.status]] = batch.ended_at
    errors = [BatchError(**one) for one in batch.errors] if batch.status == "failed" else []
    models = {name: None for one in parts for name in one.models} or batch.models
    return Batch(
        id=batch.id,
        endpoint=batch.endpoint,
        model=next(iter(models)) if len(models) == 1 else None,
        errors=BatchErrors(data=errors) if errors else None,
        input_file_id=batch.input_file_id,
        completion_window=batch.completion_window,
        status=batch.status,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        request_counts=RequestCounts(
            total=batch.total or 0, completed=batch.completed, failed=batch.failed
        ),
        usage=None if batch.usage is None else BatchUsage.model_validate(batch.usage),
        metadata=batch.metadata,
        **times,
    )


def event_of(hook: str, batch: BatchRecord, shown: Batch, now: float) -> BatchEvent:
    """Something that happened to the batch, with whose it is."""
    return BatchEvent(
        hook=hook,
        at=now,
        provider=batch.provider,
        account=batch.account,
        batch=shown,
        identity=batch.identity,
    )


async def announce_created(tx: Transaction, batch: BatchRecord, shown: Batch, now: float) -> None:
    """The first of its jobs is at its provider: ``acreate_batch``."""
    event = event_of("batch_created", batch, shown, now)
    tx.record(event, subject=batch.id, owner=batch.owner)


async def announce_stalled(tx: Transaction, batch: BatchRecord, job: JobRecord, now: float) -> None:
    said = job.reason or f"{job.status or job.state} since {(now - job.created_at) / 3600:.1f} h"
    event = event_of("batch_stalled", batch, batch_of(batch), now)
    reason = f"job {job.id} at {job.account} takes longer than expected: {said}"
    tx.record(replace(event, reason=reason), subject=batch.id, owner=batch.owner)
