"""The listener: a logger in the program's own process, best effort."""

from __future__ import annotations

from typing import Any

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, FileEvent
from batchyard_litellm._calling import Caller
from batchyard_litellm._calls import call_of
from batchyard_litellm._threads import Threads

__all__ = ["Listener"]


class Listener:
    """Tells *logger*, an instance or a function, of what happens: ``Client(listeners=[…])``."""

    def __init__(self, logger: Any, *, strict: bool = False) -> None:
        self._caller = Caller(logger, Threads(), strict=strict)

    @hookimpl
    async def file_created(self, event: FileEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_created(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_success(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_failed(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_expired(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_cancelled(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_adjusted(self, event: BatchEvent) -> None:
        await self._tell(event)

    @hookimpl
    async def batch_repriced(self, event: BatchEvent) -> None:
        await self._tell(event)

    async def _tell(self, event: Event) -> None:
        call = call_of(event)
        if call is not None:
            await self._caller.tell(call)
