"""Postgres, by psycopg."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg

from batchyard_sql._failing import NotWrittenError

__all__ = ["Postgres"]

CONNECT = 4
"""Seconds: with those of a statement less than a delivery has."""

IN_TIME = "set local statement_timeout = '5s'"
"""In the transaction, since a pooler takes no options of a connection."""

CREATING = 0x6261746368
"""The lock under which tables are made: two at once would fail at each other."""

REASONS = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "does not exist",
    "too many clients",
    "the database system is starting up",
    "certificate verify failed",
    "does not support ssl",
    "connection refused",
    "failed to resolve host",
    "timeout expired",
    "server closed the connection unexpectedly",
)
"""What the driver says of a connection that it could not make, in words that quote nothing."""


class Postgres:
    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, statements: tuple[str, ...]) -> None:
        """Raises :class:`NotWrittenError`."""
        with self._transaction() as cursor:
            cursor.execute("select pg_advisory_xact_lock($1)", (CREATING,))
            for one in statements:
                cursor.execute(one)

    def write(self, statements: list[tuple[str, list[object]]], *, keep: bool) -> None:
        """Raises :class:`NotWrittenError`."""
        with self._transaction() as cursor:
            for statement, values in statements:
                cursor.execute(statement, values)
            if not keep:
                cursor.connection.rollback()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """A connection for each: deliveries are few, and none is to find a dead one."""
        try:
            with (
                psycopg.connect(
                    self._url,
                    connect_timeout=CONNECT,
                    # a pooler may give each transaction another connection
                    prepare_threshold=None,
                    application_name="batchyard-sql",
                ) as connection,
                # its places are $1, as DuckDB's are
                psycopg.RawCursor(cast("Any", connection)) as cursor,
            ):
                cursor.execute(IN_TIME)
                yield cursor
        except psycopg.Error as error:
            raise NotWrittenError(f"Postgres: {_said(error)}") from None


def _said(error: psycopg.Error) -> str:
    """What the server said; of the driver's own text, which may quote the address, what is ours."""
    kind = type(error).__name__
    if error.diag.message_primary:
        return f"{kind}: {error.diag.message_primary}"
    text = str(error).lower()
    return next((f"{kind}: {one}" for one in REASONS if one in text), kind)
