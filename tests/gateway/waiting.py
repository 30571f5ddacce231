"""Waiting for what another thread or process brings about in its own time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return when it is so.  Fails when it is not within so many *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come about"
        threading.Event().wait(0.02)
