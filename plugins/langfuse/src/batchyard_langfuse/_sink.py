"""The sink: acknowledged when Langfuse has taken what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, LineRecord
from batchyard_langfuse._settings import LangfuseSettings

if TYPE_CHECKING:
    from batchyard_langfuse._telling import Teller

__all__ = ["LangfuseSink"]


class LangfuseSink:
    """One trace for each batch.  What comes again has the ids that it had, and is one.

    Without Langfuse's SDK, which waits for three seconds and then forgets.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = LangfuseSettings

    def __init__(self, settings: LangfuseSettings) -> None:
        self._settings = settings
        self._teller: Teller | None = None

    @hookimpl
    def deliver(self, event: Event) -> None:
        if isinstance(event, BatchEvent):
            self._made().tell(event)

    @hookimpl
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        self._made().tell_lines(event, lines)

    def _made(self) -> Teller:
        if self._teller is None:
            # OpenTelemetry's SDK and exporter take a third of a second to import
            from batchyard_langfuse._telling import Teller  # noqa: PLC0415

            self._teller = Teller(self._settings)
        return self._teller
