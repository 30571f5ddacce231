"""What subscriptions are told besides events: the lines of a batch that is settled."""

from __future__ import annotations

from batchyard.ledger.telling._describing import Pricing, Wanting
from batchyard.ledger.telling._reading import Lines

__all__ = ["Lines", "Pricing", "Wanting"]
