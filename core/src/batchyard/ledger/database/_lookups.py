"""One row by its key, by a prepared statement and nothing else.

SQLAlchemy over aiosqlite takes a millisecond for what SQLite does in ten
microseconds: that is too much for the reads that clients repeat all day.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Column, RowMapping, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from batchyard.ledger.database._addresses import Address

__all__ = ["Lookup", "PostgresLookups", "SqliteLookups", "UnansweredError"]

R = TypeVar("R")

PLACES = 4
"""Connections to Postgres, which wait for one another."""


class UnansweredError(Exception):
    """It cannot be looked up this way just now: ask the ordinary one."""


class Lookup(Generic[R]):
    """Rows of some columns by one that is unique, made into records by ``of``."""

    def __init__(
        self,
        key: Column[str],
        columns: Iterable[Column[Any]],
        of: Callable[[Mapping[str, Any] | RowMapping], R],
    ) -> None:
        chosen = list(columns)
        query = select(*chosen).where(key == bindparam("key"))
        self.query = query
        self.of_sqlite = str(query.compile(dialect=sqlite.dialect(paramstyle="qmark")))
        self.of_postgres = str(query.compile(dialect=postgresql.asyncpg.dialect()))  # type: ignore[no-untyped-call]  # it has no types
        self._names = [column.name for column in chosen]
        self._documents = [
            place for place, column in enumerate(chosen) if isinstance(column.type, JSON)
        ]
        self._of = of

    def of_row(self, row: RowMapping) -> R:
        """The record of a row that SQLAlchemy has read."""
        return self._of(row)

    def of_values(self, row: Iterable[Any]) -> R:
        """The record of a row as the driver gives it: documents are texts still."""
        values = list(row)
        for place in self._documents:
            if values[place] is not None:
                values[place] = json.loads(values[place])
        return self._of(dict(zip(self._names, values, strict=True)))


class SqliteLookups:
    """On the event loop itself: handing it to a thread would take longer than the look-up.

    A connection of its own, which can only read.  It waits for nobody: in WAL
    mode a reader need not, but for moments.
    """

    def __init__(self, address: Address) -> None:
        self._path = address.path
        self._connection: sqlite3.Connection | None = None

    async def find(self, lookup: Lookup[R], key: str) -> R | None:
        try:
            row = self._opened().execute(lookup.of_sqlite, (key,)).fetchone()
        except sqlite3.Error as error:
            await self.close()
            raise UnansweredError from error
        return None if row is None else lookup.of_values(row)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro" if self._path else "",
                uri=True,
                timeout=0,
                isolation_level=None,
            )
            self._connection.execute("PRAGMA query_only = ON")
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


class PostgresLookups:
    """By the driver itself, which prepares each statement once a connection."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool: Any = None

    async def find(self, lookup: Lookup[R], key: str) -> R | None:
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, without types

        try:
            pool = await self._opened(asyncpg)
            row = await pool.fetchrow(lookup.of_postgres, key)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise UnansweredError from error
        return None if row is None else lookup.of_values(row)

    async def _opened(self, asyncpg: Any) -> Any:
        if self._pool is None:
            url = self._address.url
            passed: dict[str, Any] = {**url.translate_connect_args(username="user"), **url.query}
            settings = {
                "application_name": "batchyard",
                "default_transaction_read_only": "on",
                "statement_timeout": "30s",
                **self._address.arguments["server_settings"],
            }
            self._pool = asyncpg.create_pool(
                min_size=0,
                max_size=PLACES,
                command_timeout=30.0,
                server_settings=settings,
                **{**passed, "timeout": float(passed.get("timeout", 10.0))},
            )
        return await self._pool

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()
