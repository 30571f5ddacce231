"""A body that arrives on the event loop and is read in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator

__all__ = ["Arriving"]

MOST = 4 * 1024 * 1024
"""Bytes that may wait to be read."""


class Arriving:
    """A body of a length that nobody knows yet, which can be read once.

    Whoever receives it awaits :meth:`put` for each piece, and so is as slow as
    the reader, and then calls :meth:`finish`, or :meth:`fail` with what the
    reader is to be told.
    """

    length = None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._there = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._finished = False
        self._error: Exception | None = None
        self._unread = False
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, piece: bytes) -> bool:
        """Hand over a piece; whether anybody still reads."""
        await self._room.wait()
        with self._there:
            if self._unread:
                return False
            self._pieces.append(piece)
            self._waiting += len(piece)
            if self._waiting >= MOST:
                self._room.clear()
            self._there.notify()
        return True

    def finish(self) -> None:
        """That was all."""
        with self._there:
            self._finished = True
            self._there.notify()

    def fail(self, error: Exception) -> None:
        """There will be no more: the reader is told why."""
        with self._there:
            self._error = error
            self._there.notify()

    def chunks(self) -> Iterator[bytes]:
        """What arrives.  It blocks."""
        try:
            while piece := self._next():
                yield piece
        finally:
            with self._there:
                self._unread = True
                self._pieces.clear()
            self._make_room()

    def _next(self) -> bytes:
        with self._there:
            self._there.wait_for(lambda: self._pieces or self._finished or self._error is not None)
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return b""
            piece = b"".join(self._pieces)
            self._pieces.clear()
            full, self._waiting = self._waiting >= MOST, 0
        if full:
            self._make_room()
        return piece

    def _make_room(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._room.set)
