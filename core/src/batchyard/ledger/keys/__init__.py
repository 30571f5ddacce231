"""API keys: who may call, as whom, and how much."""

from __future__ import annotations

from batchyard.ledger.keys._allowing import (
    check_accounts,
    check_models,
    check_queue,
    check_room,
    using,
    valid,
)
from batchyard.ledger.keys._changing import create, revoke, rotate
from batchyard.ledger.keys._orders import KeyOrder
from batchyard.ledger.keys._reading import find_key, key_of_secret, keys_exist, list_keys, shown
from batchyard.ledger.keys._records import KeyRecord

__all__ = [
    "KeyOrder",
    "KeyRecord",
    "check_accounts",
    "check_models",
    "check_queue",
    "check_room",
    "create",
    "find_key",
    "key_of_secret",
    "keys_exist",
    "list_keys",
    "revoke",
    "rotate",
    "shown",
    "using",
    "valid",
]
