"""What has been done lately, and need not be done again so soon."""

from __future__ import annotations

__all__ = ["Recently"]

MOST = 10_000
"""Names that are remembered."""


class Recently:
    """Remembers names for some seconds, the newest 10,000 of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def first(self, name: str, now: float) -> bool:
        """Whether the name was not given in the last seconds; now it has been."""
        since = self._since.get(name)
        if since is not None and since <= now < since + self._seconds:
            return False
        self._since.pop(name, None)
        if len(self._since) >= MOST:
            del self._since[next(iter(self._since))]
        self._since[name] = now
        return True
