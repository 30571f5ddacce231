"""A connection to SQLite that crosses over to its thread once for each statement.

Left to themselves, aiosqlite and SQLAlchemy go there and back to make a cursor, to run a
statement, to fetch its rows, to close the cursor, and three times more to begin a transaction;
and that takes longer than most statements of a ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeAlias

import aiosqlite

__all__ = ["connect"]

Statement: TypeAlias = Callable[[sqlite3.Cursor], object]

Outcome: TypeAlias = tuple[list[Any], Any, int, int | None]
"""Rows, description, count and last id of a statement, as cursors have them."""


def connect(path: Path, pragmas: Iterable[str], begin: str) -> Connection:
    """A connection with those *pragmas*, which is opened when it is awaited.

    A transaction is begun, by *begin*, with the first statement after another.
    """

    def opened() -> sqlite3.Connection:
        # without an isolation level sqlite3 begins nothing when it sees fit
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    made = Connection(opened, begin)
    # as SQLAlchemy does it: one that nobody has closed must not keep the process from its end
    made._thread.daemon = True  # noqa: SLF001 - there is no other way
    return made


class Connection(aiosqlite.Connection):
    """aiosqlite's, with other cursors."""

    def __init__(self, opened: Callable[[], sqlite3.Connection], begin: str) -> None:
        super().__init__(opened, iter_chunk_size=64)
        self._begin = begin

    def cursor(self) -> Cursor:  # type: ignore[override]  # it is not made before it is used
        return Cursor(self)

    async def run(self, statement: Statement) -> Outcome:
        """What has come of the statement, with all its rows."""
        outcome: Outcome = await self._execute(self._run, statement)  # type: ignore[no-untyped-call]  # its own way
        return outcome

    def _run(self, statement: Statement) -> Outcome:
        with closing(self._conn.cursor()) as cursor:
            if not self._conn.in_transaction:
                cursor.execute(self._begin)
            statement(cursor)
            rows = cursor.fetchall() if cursor.description else []
            # an update that returns rows has its count when all of them are read
            return rows, cursor.description, cursor.rowcount, cursor.lastrowid


class Cursor:
    """As much of a cursor as SQLAlchemy uses for results that are read whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Any = ()) -> Self:
        return await self._run(lambda cursor: cursor.execute(operation, parameters))

    async def executemany(self, operation: str, parameters: Any) -> Self:
        return await self._run(lambda cursor: cursor.executemany(operation, parameters))

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is left open."""

    async def _run(self, statement: Statement) -> Self:
        outcome = await self._connection.run(statement)
        self._rows, self.description, self.rowcount, self.lastrowid = outcome
        return self
