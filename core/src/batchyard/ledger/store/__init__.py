"""Where the bytes of files are: uploads, what is sent, results, and their indexes."""

from __future__ import annotations

from batchyard.ledger.store._local import LocalStore
from batchyard.ledger.store._names import StoreError, StoreMissingError
from batchyard.ledger.store._store import Store

__all__ = ["LocalStore", "Store", "StoreError", "StoreMissingError"]
