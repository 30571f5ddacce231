"""The sink: acknowledged when the receiver has taken all of it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import Event
from batchyard_otel._settings import OtelSettings

if TYPE_CHECKING:
    from batchyard_otel._telling import Teller

__all__ = ["OtelSink"]


class OtelSink:
    """Spans, metrics and logs of one event, each by its exporter.

    Metrics go last: nothing fails after them that would have them counted twice.
    Spans and logs of an event that comes again have the ids that they had.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = OtelSettings

    def __init__(self, settings: OtelSettings) -> None:
        self._settings = settings
        self._teller: Teller | None = None

    @hookimpl
    def deliver(self, event: Event) -> None:
        if self._teller is None:
            # the SDK and its exporters take a third of a second to import
            from batchyard_otel._telling import Teller  # noqa: PLC0415

            self._teller = Teller(self._settings, version("batchyard-otel"))
        self._teller.tell(event)
