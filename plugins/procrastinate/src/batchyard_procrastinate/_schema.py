"""Procrastinate's tables, beside the ledger's."""

from __future__ import annotations

import psycopg
from procrastinate.schema import SchemaManager

from batchyard.errors import ConfigError

__all__ = ["address", "apply_schema", "is_applied"]

LOCK = 0x62617463687961  # "batchya": one process at a time applies it, however many start

FOUND = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL"


def address(url: str) -> str:
    """The ledger's address for libpq.  Raises :class:`ConfigError` if it is no Postgres."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ConfigError(
            "the engine procrastinate works on Postgres: give the ledger a url postgresql://…",
            param="engine",
        )
    return f"postgresql://{rest}"


async def is_applied(url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(address(url)) as connection:
        return await _found(connection)


async def apply_schema(url: str) -> bool:
    """Apply it, if it is not there; whether it was not.

    Its migrations from one version to the next are Procrastinate's own, and to be run by hand.
    """
    async with await psycopg.AsyncConnection.connect(address(url)) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if await _found(connection):
            return False
        await connection.execute(SchemaManager.get_schema())
        return True


async def _found(connection: psycopg.AsyncConnection) -> bool:
    row = await (await connection.execute(FOUND)).fetchone()
    return bool(row and row[0])
