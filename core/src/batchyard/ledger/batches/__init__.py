"""Batches: what users create, read, cancel and pay for."""

from __future__ import annotations

from batchyard.ledger.batches._cancelling import cancel
from batchyard.ledger.batches._creating import create, job_values
from batchyard.ledger.batches._filters import BatchFilter
from batchyard.ledger.batches._orders import BatchOrder
from batchyard.ledger.batches._reading import find_batch, find_keyed, jobs_of, list_batches, shown

__all__ = [
    "BatchFilter",
    "BatchOrder",
    "cancel",
    "create",
    "find_batch",
    "find_keyed",
    "job_values",
    "jobs_of",
    "list_batches",
    "shown",
]
