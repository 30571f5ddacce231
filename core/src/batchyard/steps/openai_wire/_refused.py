"""Batches that failed for want of room, and not for what is in them."""

from __future__ import annotations

from batchyard.models import Batch

__all__ = ["full", "judged"]

FULL = "token_limit_exceeded"
"""The queue holds as many tokens as it may.  It is told only after the create was accepted
(OpenAI batch guide, rate limits; Azure OpenAI how-to, batch)."""


def full(batch: Batch) -> bool:
    """Whether the batch failed since the queue was full, and nothing of it was carried out."""
    if batch.status != "failed" or batch.errors is None or not batch.errors.data:
        return False
    counts = batch.request_counts
    began = batch.in_progress_at is not None and batch.output_file_id is not None
    if began or (counts is not None and counts.completed):
        return False
    return all((one.code or "").lower() == FULL for one in batch.errors.data)


def judged(batch: Batch) -> Batch:
    """The batch with ``refused_for_now`` as its errors have it, whatever the reply said."""
    refused = full(batch)
    if refused == batch.refused_for_now:
        return batch
    return batch.model_copy(update={"refused_for_now": refused})
