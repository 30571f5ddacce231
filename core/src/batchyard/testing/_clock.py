"""A clock that a test owns."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["ManualClock"]


class ManualClock:
    """Moves only when it is told to: by a sleep, which returns at once, or by ``advance``.

    May be shared by a client and an emulator, so that a client that waits makes
    the service's time pass.  ``slept`` has every sleep, in seconds.
    """

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        # others get their turn, as they would while this one slept
        await asyncio.sleep(0)
