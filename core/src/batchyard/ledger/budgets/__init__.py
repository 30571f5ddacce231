"""Budgets: what batches have reserved of them, and what they came to."""

from __future__ import annotations

from batchyard.ledger.budgets._reserving import reserve
from batchyard.ledger.budgets._truing import true_up

__all__ = ["reserve", "true_up"]
