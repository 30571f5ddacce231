"""What has happened to a batch, and what its jobs are at just now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchyard.ledger.outbox import EventRecord
from batchyard.ledger.records import BatchRecord, JobRecord

__all__ = ["events_page"]


def events_page(
    batch: BatchRecord, told: Sequence[EventRecord], jobs: Sequence[JobRecord], limit: int
) -> dict[str, Any]:
    """At most *limit* of the events, oldest first; *told* may have one more."""
    data = [one.body for one in told[:limit]]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(told) > limit,
        "reason": batch.reason,
        "jobs": [_job(one) for one in jobs],
    }


def _job(job: JobRecord) -> dict[str, Any]:
    """How far a job is.  What the provider calls it stays here."""
    return {
        "object": "batch.job",
        "number": job.number,
        "account": job.account,
        "provider": job.provider,
        "state": job.state,
        "status": job.status,
        "reason": job.reason,
        "attempts": job.attempts,
        "created_at": int(job.created_at),
        "submitted_at": _seconds(job.submitted_at),
        "observed_at": _seconds(job.observed_at),
        "next_at": _seconds(job.next_at),
        "ended_at": _seconds(job.ended_at),
    }


def _seconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
