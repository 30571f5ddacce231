"""The ledger's tables.

Ids are text, times Unix seconds, money whole billionths of a US dollar, and
what has no fixed shape is JSON.  Every list is walked by a key of its own, so
every key that is walked has an index.
"""

from __future__ import annotations

from batchyard.ledger.tables._columns import metadata
from batchyard.ledger.tables._events import deliveries, events, leases, subscriptions
from batchyard.ledger.tables._keys import keys
from batchyard.ledger.tables._money import budgets, reservations, settlement_items, settlements
from batchyard.ledger.tables._work import batches, files, jobs

__all__ = [
    "batches",
    "budgets",
    "deliveries",
    "events",
    "files",
    "jobs",
    "keys",
    "leases",
    "metadata",
    "reservations",
    "settlement_items",
    "settlements",
    "subscriptions",
]
