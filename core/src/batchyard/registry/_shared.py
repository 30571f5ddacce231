"""Values that plans share, such as tokens: for one account, over its drivers."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["SharedValues"]


class SharedValues:
    """Values with the time until which they may be used.  Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, Any]] = {}

    def get(self, key: str, now: float, stale: Any = None) -> tuple[Any] | None:
        """The value, in a tuple, while it is fresh and not the *stale* one."""
        with self._lock:
            found = self._values.get(key)
        if found is None or found[0] <= now or (stale is not None and found[1] == stale):
            return None
        return (found[1],)

    def put(self, key: str, until: float, value: Any) -> None:
        with self._lock:
            self._values[key] = (until, value)
