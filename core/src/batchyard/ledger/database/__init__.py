"""The database under the ledger: SQLite on one machine, Postgres on many."""

from __future__ import annotations

from batchyard.ledger.database._database import Database
from batchyard.ledger.database._faults import UNUSABLE
from batchyard.ledger.database._leases import (
    leases_until,
    live_leases,
    release_lease,
    renew_lease,
    take_lease,
)
from batchyard.ledger.database._lookups import Lookup
from batchyard.ledger.database._status import Schema, migrate, schema_of

__all__ = [
    "UNUSABLE",
    "Database",
    "Lookup",
    "Schema",
    "leases_until",
    "live_leases",
    "migrate",
    "release_lease",
    "renew_lease",
    "schema_of",
    "take_lease",
]
