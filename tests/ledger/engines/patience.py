"""An engine's times, short enough for a test."""

from __future__ import annotations

from batchyard_procrastinate import Patience

__all__ = ["QUICK"]

QUICK = Patience(
    heartbeat=0.2, stalled_after=1.5, look=0.2, poll=0.2, shutdown=0.2, connect=1.0, outage=0.1
)
