from __future__ import annotations

from pathlib import Path

from batchyard.hookspecs import hookimpl
from batchyard.models import Event


class Sink:
    """Made with the path of a file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    @hookimpl
    async def deliver(self, event: Event) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{event.type}\n")
