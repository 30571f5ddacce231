"""Whether the tables are those that this version of Batchyard knows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from batchyard.errors import ConfigError
from batchyard.ledger.database._addresses import Address
from batchyard.ledger.database._connections import migration_engine
from batchyard.ledger.migrations import CURRENT, REVISIONS, VERSION_TABLE, upgrade
from batchyard.ledger.tables import metadata

__all__ = ["SchemaState", "bring_up_to_date", "check_schema", "state_of", "version_of"]

SchemaState: TypeAlias = Literal["current", "none", "old", "unknown"]
"""``none``: there are no tables.  ``unknown``: a newer Batchyard made them."""

_LOCK = 0x6261746368796172
"""Our number among the advisory locks of a Postgres database."""


async def version_of(engine: AsyncEngine) -> str | None:
    """The revision that the tables are at; ``None`` where there are none."""
    async with engine.connect() as conn:
        return await conn.run_sync(_version)


def state_of(version: str | None) -> SchemaState:
    if version is None:
        return "none"
    if version == CURRENT:
        return "current"
    return "old" if version in REVISIONS else "unknown"


def check_schema(version: str | None, address: Address, *, migrate: bool) -> bool:
    """Whether revisions are missing and may be applied; raises where they may not."""
    state = state_of(version)
    if state == "current":
        return False
    if state == "unknown":
        raise ConfigError(
            f"the ledger {address.shown} was made by a newer version of Batchyard "
            f"(schema {version}, this one knows {CURRENT}): upgrade batchyard"
        )
    if not migrate:
        found = f"has the schema {version}, not {CURRENT}" if version else "has no tables"
        raise ConfigError(f"the ledger {address.shown} {found}: run batchyard ledger migrate")
    return True


async def bring_up_to_date(address: Address) -> None:
    """Apply the revisions that are missing, all or none; one process does, the others wait."""
    engine = migration_engine(address)
    try:
        async with engine.begin() as conn:
            if address.path is None:
                await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await conn.run_sync(_upgrade, address)
    finally:
        await engine.dispose()


def _upgrade(conn: Connection, address: Address) -> None:
    # looked at again, since another process may have been here while this one waited
    version = _version(conn)
    if version is None:
        _refuse_strangers(conn, address)
    if check_schema(version, address, migrate=True):
        upgrade(conn)
        _check_children(conn, address)


def _version(conn: Connection) -> str | None:
    if not inspect(conn).has_table(VERSION_TABLE):
        return None
    version: str | None = conn.scalar(select(column("version_num")).select_from(_VERSIONS))
    return version


_VERSIONS = table(VERSION_TABLE, column("version_num"))


def _refuse_strangers(conn: Connection, address: Address) -> None:
    taken = sorted(metadata.tables.keys() & set(inspect(conn).get_table_names()))
    if taken:
        raise ConfigError(
            f"{address.shown} has a table {taken[0]!r} that is not a ledger's: "
            "give the ledger a database of its own"
        )


def _check_children(conn: Connection, address: Address) -> None:
    """On SQLite foreign keys are off during a migration."""
    if address.path is not None and conn.execute(text("PRAGMA foreign_key_check")).first():
        raise ConfigError(f"the ledger {address.shown} has rows whose parents are missing")
