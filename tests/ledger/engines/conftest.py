"""What engines are given to do: an ``advance`` that remembers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest


class Work:
    """Counts what is advanced, how much of it at a time, and holds it up if it is told to."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.began: Counter[str] = Counter()
        self.most = 0
        self.bad: dict[str, BaseException] = {}
        self._running: Counter[str] = Counter()
        self._twice = False
        self._changed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def twice(self) -> bool:
        """Whether one id was ever advanced twice at a time."""
        return self._twice

    async def advance(self, name: str) -> None:
        self.began[name] += 1
        self._running[name] += 1
        self._twice |= self._running[name] > 1
        self.most = max(self.most, self._running.total())
        self._tell()
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if name in self.bad:
                raise self.bad[name]
            self.done[name] += 1
        finally:
            self._running[name] -= 1
            self._tell()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; a minute at most, and none where all is well."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()


@pytest.fixture
def work() -> Work:
    return Work()
