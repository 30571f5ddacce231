"""The engine without anything else: tasks in the process that dispatches."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from batchyard.hookspecs import EngineContext, hookimpl

__all__ = ["Local"]

log = logging.getLogger("batchyard.ledger.engines")

Advance = Callable[[str], Awaitable[None]]


class Local:
    """Runs ``advance`` in tasks of this process, a bounded number of them at a time.

    One id is never advanced twice at a time; dispatched while it is, it is
    advanced once more.  What waits when the process ends is lost here, and
    dispatched again by the ledger, which knows what is due.
    """

    def __init__(self, context: EngineContext) -> None:
        self._concurrency = context.concurrency
        # what is in both runs, and is to run once more
        self._waiting: OrderedDict[str, Advance] = OrderedDict()
        self._running: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @hookimpl
    async def dispatch(self, ids: Sequence[str], advance: Advance) -> None:
        """Returns at once."""
        if self._closed:
            return
        self._waiting.update(dict.fromkeys(ids, advance))
        self._start()

    @hookimpl
    async def close(self) -> None:
        """Forget what waits, and wait for what runs; cancel it, if this is cancelled."""
        self._closed = True
        self._waiting.clear()
        try:
            await self.idle()
        finally:
            for task in self._tasks:
                task.cancel()

    async def idle(self) -> None:
        """Return when nothing runs and nothing waits, also of what is dispatched meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        """As many tasks as there is work for, and room."""
        for _ in range(min(len(self._waiting), self._concurrency - len(self._tasks))):
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while (found := self._next()) is not None:
            name, advance = found
            self._running.add(name)
            try:
                await advance(name)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # something that it awaited was cancelled, and not this
                log.exception("%s could not be advanced", name)
            except Exception:
                # whatever it was, the others are to go on; the ledger knows that this one is due
                log.exception("%s could not be advanced", name)
            finally:
                self._running.discard(name)

    def _next(self) -> tuple[str, Advance] | None:
        """The first that waits and does not run."""
        for name in self._waiting:
            if name not in self._running:
                return name, self._waiting.pop(name)
        return None
