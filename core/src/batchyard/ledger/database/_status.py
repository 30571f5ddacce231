"""For operators: what schema a ledger has, and bringing it up to date."""

from __future__ import annotations

from dataclasses import dataclass

from batchyard.ledger.database._addresses import parse
from batchyard.ledger.database._connections import engines
from batchyard.ledger.database._database import Database
from batchyard.ledger.database._faults import understood
from batchyard.ledger.database._schema import SchemaState, state_of, version_of
from batchyard.ledger.migrations import CURRENT

__all__ = ["Schema", "migrate", "schema_of"]


@dataclass(frozen=True, slots=True)
class Schema:
    """``version`` is the ledger's, ``None`` where there is none; ``current`` is this Batchyard's.

    ``ledger`` is its address without the password.
    """

    ledger: str
    state: SchemaState
    version: str | None
    current: str = CURRENT


async def schema_of(url: str) -> Schema:
    """What is there.  Makes nothing and changes nothing."""
    address = parse(url)
    if address.path is not None and not address.path.exists():
        return Schema(address.shown, "none", None)
    reader, writer = engines(address)
    with understood(address):
        try:
            version = await version_of(reader)
        finally:
            await reader.dispose()
            await writer.dispose()
    return Schema(address.shown, state_of(version), version)


async def migrate(url: str) -> Schema:
    """Bring the tables up to date, or make them."""
    async with Database(url):
        return await schema_of(url)
