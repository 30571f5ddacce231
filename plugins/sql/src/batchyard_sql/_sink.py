"""The sink: acknowledged when the rows are committed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import ClassVar, Protocol

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event
from batchyard_sql._failing import NotWrittenError
from batchyard_sql._rows import Row, items_of, settlement_of
from batchyard_sql._settings import SqlSettings
from batchyard_sql._tables import ITEMS, SETTLEMENTS, Tables

__all__ = ["SqlSink"]

SAMPLE = "evt_sample_"
"""How the ids of events begin that ``batchyard sinks test`` delivers."""


class Warehouse(Protocol):
    """Runs statements, all of them or none."""

    def create(self, statements: tuple[str, ...]) -> None: ...

    def write(self, statements: list[tuple[str, list[object]]], *, keep: bool) -> None: ...


class SqlSink:
    """The receipt of each event that has one: a row for it, and one for each of its lines.

    Their keys are the batch's and the receipt's numbers, so that an event which
    comes twice changes nothing, and sums over ``cost`` are right at any time.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = SqlSettings

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        self._tables = Tables.of(settings)
        self._making = threading.Lock()
        self._warehouse: Warehouse | None = None

    @hookimpl
    def deliver(self, event: Event) -> None:
        if not isinstance(event, BatchEvent) or event.receipt is None:
            return
        rows = [
            (self._tables.settlement, _ordered(SETTLEMENTS, settlement_of(event, event.receipt)))
        ]
        rows += [(self._tables.item, _ordered(ITEMS, row)) for row in items_of(event.receipt)]
        warehouse = self._made()
        try:
            # a sample tries all of it, and is in nobody's sums
            warehouse.write(rows, keep=not event.id.startswith(SAMPLE))
        except NotWrittenError:
            # the tables may be gone, with a file that was moved away: next time they are looked for
            self._warehouse = None
            raise

    def _made(self) -> Warehouse:
        with self._making:
            if self._warehouse is None:
                warehouse = _opened(self._settings.url.get_secret_value())
                if self._settings.create:
                    warehouse.create(self._tables.create)
                self._warehouse = warehouse
            return self._warehouse


def _ordered(columns: Iterable[str], row: Row) -> list[object]:
    return [row[name] for name in columns]


def _opened(url: str) -> Warehouse:
    # a driver is imported where its database is used
    if url.startswith("duckdb:"):
        from batchyard_sql._duckdb import DuckDb  # noqa: PLC0415

        return DuckDb(url.removeprefix("duckdb://"))
    from batchyard_sql._postgres import Postgres  # noqa: PLC0415

    return Postgres(url)
