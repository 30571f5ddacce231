"""When a batch began and ended, in nanoseconds, as all times of OpenTelemetry are."""

from __future__ import annotations

from batchyard.models import BatchEvent

__all__ = ["ENDS", "NANOS", "began", "ended", "nanos"]

NANOS = 1_000_000_000

ENDS = {
    "batch_success": "completed_at",
    "batch_failed": "failed_at",
    "batch_expired": "expired_at",
    "batch_cancelled": "cancelled_at",
}
"""The events that end a batch, and the field that says when."""


def nanos(at: float) -> int:
    return round(at * NANOS)


def began(event: BatchEvent) -> int:
    created = event.batch.created_at
    return nanos(event.at if created is None else created)


def ended(event: BatchEvent) -> int:
    """When the provider was done with it; clocks that differ must not make it end first."""
    end = getattr(event.batch, ENDS.get(event.hook, ""), None)
    return max(began(event), nanos(event.at if end is None else end))
