"""Accepting files: all of one, or nothing of it."""

from __future__ import annotations

from batchyard.ledger.staging._arriving import Arriving
from batchyard.ledger.staging._stage import Staged, stage
from batchyard.ledger.staging._sweep import sweep

__all__ = ["Arriving", "Staged", "stage", "sweep"]
