"""Engines: how connections are made, and what each is set to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from batchyard.ledger.database._addresses import Address
from batchyard.ledger.database._sqlite import connect

__all__ = ["BUSY_SECONDS", "engines", "migration_engine"]

BUSY_SECONDS = 30.0
"""How long a writer waits for another process's transaction, and anybody for a connection."""

_READERS = 4
"""Connections a process reads SQLite with; each is a thread."""

_SESSION = {
    "application_name": "batchyard",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # no transaction waits for the network, so one that idles is a mistake or a dead peer
    "idle_in_transaction_session_timeout": "60s",
}


def engines(address: Address) -> tuple[AsyncEngine, AsyncEngine]:
    """One that reads and cannot write, and one that writes."""
    if address.path is not None:
        return _sqlite(address.path, writes=False), _sqlite(address.path, writes=True)
    engine = _postgres(address, _SESSION, pool_size=10, max_overflow=10)
    # several reads of one block see one moment, as they do on SQLite
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return reader, engine


def migration_engine(address: Address) -> AsyncEngine:
    """One connection, for which no statement takes too long."""
    if address.path is not None:
        # a table that is made anew is dropped first, and its children would object
        return _sqlite(address.path, writes=True, foreign_keys=False)
    return _postgres(address, {"application_name": "batchyard migration"}, pool_size=1)


def _postgres(address: Address, session: dict[str, str], **pool: int) -> AsyncEngine:
    settings = {**session, **address.arguments["server_settings"]}
    return create_async_engine(
        address.url,
        connect_args={"command_timeout": 60.0, "timeout": 10.0, "server_settings": settings},
        hide_parameters=True,
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=BUSY_SECONDS,
        **pool,
    )


def _sqlite(path: Path, *, writes: bool, foreign_keys: bool = True) -> AsyncEngine:
    pragmas = [
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "synchronous = FULL",
        f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        f"query_only = {'OFF' if writes else 'ON'}",
        "journal_size_limit = 67108864",
    ]

    async def connected() -> Any:
        return await connect(path, pragmas, "BEGIN IMMEDIATE" if writes else "BEGIN")

    return create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=connected,
        hide_parameters=True,
        pool_size=1 if writes else _READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
