"""Leaving a receiver alone that has failed too often."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Breaker"]

MOST = 900.0
"""Seconds for which a receiver is left alone at most."""


class Breaker:
    """Opens after so many *failures* in a row, for *pause* seconds, doubled each time.

    Then one attempt is let through, whose end decides.  *now* gives seconds.
    """

    def __init__(self, failures: int, pause: float, now: Callable[[], float]) -> None:
        self._failures = failures
        self._pause = pause
        self._now = now
        self._failed = 0
        self._until = 0.0
        self._trying = False

    def admits(self) -> bool:
        """Whether an attempt may be made; whoever gets leave says how it ended."""
        if self._now() < self._until:
            return False
        if self._failed < self._failures:
            return True
        if self._trying:
            return False
        self._trying = True
        return True

    @property
    def left(self) -> float:
        """Seconds until an attempt may be made."""
        return max(0.0, self._until - self._now())

    def well(self) -> None:
        self._failed, self._until, self._trying = 0, 0.0, False

    def failed(self, retry_after: float | None = None) -> None:
        """*retry_after* is what the receiver asked for, in seconds."""
        self._trying = False
        self._failed += 1
        if self._failed >= self._failures:
            times = min(self._failed - self._failures, 10)
            self._until = self._now() + min(MOST, self._pause * 2**times)
        if retry_after is not None:
            self._until = max(self._until, self._now() + min(MOST, retry_after))

    def given_up(self) -> None:
        """The attempt was broken off, and says nothing of the receiver."""
        self._trying = False
