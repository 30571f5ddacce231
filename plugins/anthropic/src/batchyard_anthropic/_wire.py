"""Message batches, and the batches that they are to us (API reference, Message Batches)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from batchyard.models import Batch, RequestCounts
from batchyard_anthropic._folder import Order

__all__ = ["RESULTS", "STATES", "Counts", "Listed", "MessageBatch", "batch_of"]

RESULTS = ".results"
"""The end of the ids that we give to results: at Anthropic they are no files."""

STATES = {"in_progress": "in_progress", "canceling": "cancelling", "ended": "completed"}
"""What an ended one has come to is in its counts."""


class Counts(BaseModel):
    """Of requests; all are ``processing`` until the batch has ended."""

    processing: int = Field(default=0, ge=0)
    succeeded: int = Field(default=0, ge=0)
    errored: int = Field(default=0, ge=0)
    canceled: int = Field(default=0, ge=0)
    expired: int = Field(default=0, ge=0)

    @property
    def total(self) -> int:
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class MessageBatch(BaseModel):
    """Times are RFC 3339; those that are not there yet are null."""

    id: str = Field(min_length=1)
    processing_status: str
    request_counts: Counts
    created_at: str
    expires_at: str | None = None
    ended_at: str | None = None
    cancel_initiated_at: str | None = None
    archived_at: str | None = None
    results_url: str | None = None

    @property
    def ended(self) -> bool:
        return self.processing_status == "ended"

    @property
    def status(self) -> str:
        """A state that nobody knows is passed on: it is taken for "still running"."""
        if not self.ended:
            return STATES.get(self.processing_status, self.processing_status)
        # a cancel that came too late has canceled nothing
        if self.request_counts.canceled:
            return "cancelled"
        return "expired" if self.request_counts.expired else "completed"


class Listed(BaseModel):
    """A page, newest first.  ``data`` has to be there: what is not read must not pass for none."""

    data: list[MessageBatch]
    has_more: bool = False
    last_id: str | None = None


def batch_of(found: MessageBatch, order: Order | None) -> Batch:
    """The batch, with what the *order* that it was created by knows of it."""
    status, counts = found.status, found.request_counts
    times: dict[str, Any] = {
        "created_at": found.created_at,
        "in_progress_at": found.created_at,
        "expires_at": found.expires_at,
        "cancelling_at": found.cancel_initiated_at,
    }
    if found.ended:
        times[f"{status}_at"] = found.ended_at
    known = {} if order is None else _ordered(order)
    return Batch(
        id=found.id,
        status=status,
        completion_window="24h",
        # results go after 29 days, when the batch is archived
        output_file_id=f"{found.id}{RESULTS}" if found.ended and not found.archived_at else None,
        request_counts=RequestCounts(
            total=counts.total, completed=counts.succeeded, failed=counts.errored
        ),
        **times,
        **known,
    )


def _ordered(order: Order) -> Mapping[str, Any]:
    return {
        "endpoint": order.endpoint,
        "input_file_id": order.file or None,
        "metadata": dict(order.metadata) or None,
        "provider_state": order.as_state(),
    }
