from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """All that an emulator asks of time; a test hands in one that it moves itself."""

    def now(self) -> float:
        """Unix seconds."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.time()
