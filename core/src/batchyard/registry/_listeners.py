"""Telling a listener: from its own queue, in its own thread, within its own time."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from batchyard.models import Event

__all__ = ["DEADLINE", "Listener", "ListenerCounts", "Observation", "within"]

T = TypeVar("T")

log = logging.getLogger("batchyard.listeners")

DEADLINE = 10.0
"""Seconds that one hook has."""

QUEUE = 1000
"""Events that wait for a listener before further ones are dropped."""

Hook = Callable[[Event], Any]


@dataclass(slots=True)
class ListenerCounts:
    """What became of the events for one listener."""

    told: int = 0
    failed: int = 0
    dropped: int = 0


class Listener:
    """One listener.  Its thread starts with the first event, and ends with this object.

    ``needs_totals`` is whether the end of a batch is worth a download of its
    files to it.
    """

    def __init__(
        self,
        name: str,
        hooks: Mapping[str, Hook],
        *,
        needs_totals: bool = True,
        size: int = QUEUE,
        deadline: float = DEADLINE,
    ) -> None:
        self.name = name
        self.needs_totals = needs_totals
        self._hooks = hooks
        self._teller = _Teller(name, hooks, size, deadline)
        weakref.finalize(self, self._teller.end)

    @property
    def counts(self) -> ListenerCounts:
        return self._teller.counts

    def hears(self, hook: str) -> bool:
        return hook in self._hooks

    def tell(self, event: Event) -> None:
        """Put the event into the queue, or count it as dropped.  Never waits."""
        if event.hook in self._hooks:
            self._teller.put(event)

    def flush(self, timeout: float = DEADLINE) -> bool:
        """Wait until all has been told, *timeout* seconds at most; whether it has."""
        return self._teller.drained(timeout)


class Observation:
    """Somebody who observes an account, until :meth:`stop`; a context manager, too."""

    def __init__(self, listener: Listener, stop: Callable[[Listener], None]) -> None:
        self._listener = listener
        self._stop = stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def counts(self) -> ListenerCounts:
        return self._listener.counts

    def flush(self, timeout: float = DEADLINE) -> bool:
        """Wait until all has been told, *timeout* seconds at most; whether it has."""
        return self._listener.flush(timeout)

    def stop(self) -> None:
        """Hear nothing that happens from now on.  Stopping twice is stopping once."""
        self._stop(self._listener)


class _Teller:
    """The queue and the thread.  It knows no :class:`Listener`, so that one can be let go."""

    def __init__(self, name: str, hooks: Mapping[str, Hook], size: int, deadline: float) -> None:
        self.counts = ListenerCounts()
        self._name = name
        self._hooks = hooks
        self._size = size
        self._deadline = deadline
        self._waiting: deque[Event] = deque()
        # its lock is reentrant: the garbage collector may call end() in the midst of put()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._busy: tuple[str, float] | None = None
        self._complained: set[tuple[str, type]] = set()

    def put(self, event: Event) -> None:
        with self._changed:
            full = len(self._waiting) >= self._size
            if full:
                self.counts.dropped += 1
            else:
                self._waiting.append(event)
                self._changed.notify_all()
            self._start()
        self._watch()
        if full:
            self._complain("queue", OverflowError(), "is too slow; events are dropped and counted")

    def drained(self, timeout: float) -> bool:
        with self._changed:
            idle = self._changed.wait_for(lambda: not self._waiting and self._busy is None, timeout)
        if not idle:
            self._watch()
        return idle

    def end(self) -> None:
        """Let the thread end when it has told what waits."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _start(self) -> None:
        if self._thread is None:
            # a daemon, so that a listener that hangs does not keep the process alive
            self._thread = threading.Thread(
                target=self._work, name=f"batchyard-listener-{self._name}", daemon=True
            )
            self._thread.start()

    def _watch(self) -> None:
        """A ``def`` that hangs cannot be stopped, only reported; its queue fills, then drops."""
        busy = self._busy
        if busy and time.monotonic() - busy[1] >= self._deadline:
            self._complain(busy[0], TimeoutError(), f"has not returned in {self._deadline:g} s")

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while (event := self._next()) is not None:
                try:
                    answer = self._hooks[event.hook](event)
                    if inspect.isawaitable(answer):
                        runner.run(within(answer, self._deadline))
                    self.counts.told += 1
                except BaseException as error:  # noqa: BLE001 - the boundary to a plugin, which may call sys.exit
                    self.counts.failed += 1
                    self._complain(event.hook, error, f"failed: {type(error).__name__}: {error}")

    def _next(self) -> Event | None:
        with self._changed:
            self._busy = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                return None
            event = self._waiting.popleft()
            self._busy = (event.hook, time.monotonic())
            return event

    def _complain(self, hook: str, error: BaseException, what: str) -> None:
        """Once for each hook and kind of failure: a listener must not flood the log either."""
        with self._changed:
            if (hook, type(error)) in self._complained:
                return
            self._complained.add((hook, type(error)))
        trace = error if error.__traceback__ else None
        log.error("listener %s, %s: %s", self._name, hook, what, exc_info=trace)


async def within(answer: Awaitable[T], deadline: float) -> T:
    """Await it for so many seconds at most."""
    try:
        async with asyncio.timeout(deadline) as limit:
            return await answer
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"has not returned in {deadline:g} s") from None
        raise
