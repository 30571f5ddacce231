from __future__ import annotations

from typing import ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event


class Ear:
    heard: ClassVar[list[Event]] = []

    @hookimpl
    def batch_created(self, event: BatchEvent) -> None:
        self.heard.append(event)

    @hookimpl
    async def batch_success(self, event: BatchEvent) -> None:
        self.heard.append(event)
