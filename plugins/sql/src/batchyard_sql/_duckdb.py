"""DuckDB, which one process may write to at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from batchyard_sql._failing import NotWrittenError

__all__ = ["DuckDb"]


class DuckDb:
    """Opened for each write, so that others get at the file in between."""

    def __init__(self, path: str) -> None:
        self._path = path
        # a transaction beside another one may be refused
        self._writing = threading.Lock()

    def create(self, statements: tuple[str, ...]) -> None:
        """Raises :class:`NotWrittenError`."""
        with self._transaction() as connection:
            for one in statements:
                connection.execute(one)

    def write(self, statements: list[tuple[str, list[object]]], *, keep: bool) -> None:
        """Raises :class:`NotWrittenError`."""
        with self._transaction() as connection:
            for statement, values in statements:
                connection.execute(statement, values)
            if not keep:
                connection.rollback()
                connection.begin()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._writing:
            try:
                with duckdb.connect(self._path) as connection:
                    connection.begin()
                    yield connection
                    connection.commit()
            except duckdb.Error as error:
                said = str(error).splitlines()[0][:300]
                raise NotWrittenError(f"DuckDB: {type(error).__name__}: {said}") from None
