"""The durable record of files, batches, jobs, owners, settlements and events.

Needs ``pip install 'batchyard[ledger]'``, and ``'batchyard[postgres]'`` for a
ledger in Postgres.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from batchyard.errors import ConfigError

if TYPE_CHECKING:
    from batchyard.ledger._ledger import Ledger
    from batchyard.ledger.accounts import Accounts, Served
    from batchyard.ledger.batches import BatchOrder
    from batchyard.ledger.files import FileOrder
    from batchyard.ledger.keys import KeyOrder
    from batchyard.ledger.opening import Setup

__all__ = ["Accounts", "BatchOrder", "FileOrder", "KeyOrder", "Ledger", "Served", "Setup"]

_HOMES = {
    "Accounts": "accounts",
    "BatchOrder": "batches",
    "FileOrder": "files",
    "KeyOrder": "keys",
    "Ledger": "_ledger",
    "Served": "accounts",
    "Setup": "opening",
}

_NEEDED = ("sqlalchemy", "greenlet", "aiosqlite", "alembic")

if any(find_spec(name) is None for name in _NEEDED):
    raise ConfigError("a ledger needs packages of its own: pip install 'batchyard[ledger]'")


def __getattr__(name: str) -> Any:
    """Import the face when it is asked for: a migration needs no more than the tables."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
