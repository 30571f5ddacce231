"""A clock that runs fast, and alike in every process of one machine."""

from __future__ import annotations

import asyncio
import time

__all__ = ["FastClock"]


class FastClock:
    """*speed* seconds pass in one, since *origin* (Unix seconds)."""

    def __init__(self, speed: float, origin: float) -> None:
        self.speed = speed
        self.origin = origin

    def now(self) -> float:
        return self.origin + (time.time() - self.origin) * self.speed

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)
