"""The sink: acknowledged when the file is there, by this delivery or one before it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, LineRecord
from batchyard_objectstore._settings import ObjectStoreSettings
from batchyard_objectstore._writing import events_as, lines_as

if TYPE_CHECKING:
    from batchyard_objectstore._store import Store

__all__ = ["ObjectStoreSink"]


class ObjectStoreSink:
    """A file for each event, and one for each part of a batch's lines.

    Its name is made of the event's id, and it is put there only if there is none
    of that name: what is delivered twice is there once.  Days are those on which
    things happened, in UTC, however late they are delivered.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = ObjectStoreSettings

    def __init__(self, settings: ObjectStoreSettings) -> None:
        self._settings = settings
        self._making = threading.Lock()
        self._store: Store | None = None

    @hookimpl
    def deliver(self, event: Event) -> None:
        data = events_as(self._settings.format, [event])
        self._made().put(self._name("events", event, event.id), data)

    @hookimpl
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        if not lines:
            return
        data = lines_as(self._settings.format, lines)
        # so that they are in their order in a list of names
        part = f"{event.id}-{lines[0].number:010d}"
        self._made().put(self._name("lines", event, part), data)

    def _name(self, kind: str, event: Event, stem: str) -> str:
        day = datetime.fromtimestamp(event.at, UTC).date()
        return f"{kind}/date={day}/{stem}.{self._settings.format}"

    def _made(self) -> Store:
        with self._making:
            if self._store is None:
                # only where something is stored
                from batchyard_objectstore._store import Store  # noqa: PLC0415

                self._store = Store(self._settings)
            return self._store
