"""The one-time accounting of a finished batch: files in, files and sums out.

Knows nothing of the database, so that it can run in a process of its own.
"""

from __future__ import annotations

from batchyard.ledger.settlement._content import ResultContent, Row
from batchyard.ledger.settlement._joined import BEGINNING, Joined, Spot, joined
from batchyard.ledger.settlement._kernel import settle
from batchyard.ledger.settlement._running import run_settle, stop_settling
from batchyard.ledger.settlement._task import (
    FilePaths,
    JobFiles,
    Settled,
    SettleTask,
    UsageKey,
    UsageSum,
    Written,
    bucket_of,
)

__all__ = [
    "BEGINNING",
    "FilePaths",
    "JobFiles",
    "Joined",
    "ResultContent",
    "Row",
    "SettleTask",
    "Settled",
    "Spot",
    "UsageKey",
    "UsageSum",
    "Written",
    "bucket_of",
    "joined",
    "run_settle",
    "settle",
    "stop_settling",
]
