"""Running plans: one driver blocks, the other awaits.  The only package that knows httpx."""

from __future__ import annotations

from batchyard.drivers._awaiting import AsyncDriver
from batchyard.drivers._blocking import Driver
from batchyard.drivers._clock import SystemClock
from batchyard.drivers._transport import Transport

__all__ = ["AsyncDriver", "Driver", "SystemClock", "Transport"]
