"""The keys that callers show: looked up at each request, or remembered for an instant."""

from __future__ import annotations

from batchyard.ledger import Ledger
from batchyard.ledger.keys import KeyRecord

__all__ = ["Keyring"]

FRESH = 0.5
"""Seconds for which an answer is good: what another process revokes is refused after that."""

MOST = 10_000
"""Keys that are remembered."""


class Keyring:
    """Finds keys by their secrets.  Only keys that are there are remembered."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, tuple[float, KeyRecord]] = {}
        self._any: tuple[float, bool] | None = None

    async def find(self, secret: str) -> KeyRecord | None:
        """The key, also one that has ended."""
        now = self._ledger.now()
        found = self._known.get(secret)
        if found is not None and 0 <= now - found[0] < FRESH:
            return found[1]
        key = await self._ledger.key_of_secret(secret)
        self._known.pop(secret, None)
        if key is not None:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[secret] = now, key
        return key

    async def any(self) -> bool:
        """Whether there are keys, so that everybody needs one."""
        now = self._ledger.now()
        if self._any is None or not (self._any[1] or 0 <= now - self._any[0] < FRESH):
            self._any = now, await self._ledger.keys_exist()
        return self._any[1]

    def forget(self) -> None:
        """Some key was changed here: nothing that was known counts."""
        self._known.clear()
        self._any = None
