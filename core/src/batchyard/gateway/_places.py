"""Places for files that are uploaded, of which nobody takes all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from batchyard.errors import RateLimitError

__all__ = ["Places"]

PART = 4
"""An owner gets this part of the places, so that slow senders of one keep out no other."""


class Places:
    """As many as *count*, of this process."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._all = asyncio.Semaphore(count)
        self._each = max(1, count // PART)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, owner: str | None, patience: float) -> AsyncIterator[Callable[[], None]]:
        """A place, and what gives it back before the end; *owner* ``None`` has no share to keep to.

        Raises :class:`RateLimitError` where none becomes free in *patience* seconds.
        """
        places = self._all
        with ExitStack() as held:
            try:
                async with asyncio.timeout(patience):
                    if owner is not None:
                        places = self._share(owner)
                        await places.acquire()
                        held.callback(places.release)
                    places = self._all
                    await places.acquire()
                    held.callback(places.release)
            except TimeoutError:
                raise self._none_free(patience, own=places is not self._all) from None
            yield held.close

    def _share(self, owner: str) -> asyncio.Semaphore:
        """Kept for as long as somebody uses it or waits for it."""
        share = self._shares.get(owner)
        if share is None:
            self._shares[owner] = share = asyncio.Semaphore(self._each)
        return share

    def _none_free(self, patience: float, *, own: bool) -> RateLimitError:
        whose = f"{self._each} of yours" if own else f"{self._count} files"
        return RateLimitError(
            f"{whose} are being uploaded already. Try again.",
            status=429,
            code="too_many_uploads",
            retry_after=patience,
        )
