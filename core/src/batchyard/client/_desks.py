"""Where a tracked client's calls are carried out: on the ledger, in its event loop.

A desk runs what a driver runs, effects of plans included, and coroutines too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from batchyard.client._portal import ClosedError, Portal
from batchyard.effects import Blocking, Clock, Effect, Now, Sleep
from batchyard.models import Identity

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["AsyncDesk", "Desk"]

T = TypeVar("T")


class AsyncDesk:
    """One ledger, opened on each loop that uses it, and closed with that loop at the latest.

    ``who`` is for whom things are created, ``owner`` whose are shown (``None``: everybody's).
    """

    def __init__(
        self, make: Callable[[], Ledger], clock: Clock, who: Identity, owner: str | None
    ) -> None:
        self.who = who
        self.owner = owner
        self.clock = clock
        self._said: set[str] = set()
        self._make = make
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}

    def once(self, message: str) -> bool:
        """Whether this is the first time that *message* is to be told."""
        first = message not in self._said
        self._said.add(message)
        return first

    async def ledger(self) -> Ledger:
        """The ledger, open on the running loop."""
        return await self._home().ledger()

    async def run(self, plan: Coroutine[Any, Any, T]) -> T:
        return await self._home().run(plan)

    async def stream(self, stream: AsyncGenerator[T, None]) -> AsyncIterator[T]:
        home = self._home()
        try:
            while True:
                try:
                    item = await home.run(stream.__anext__())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await home.finish(stream.aclose())

    async def close(self) -> None:
        """End what is done on the running loop, and close its ledger.  Later uses open it anew."""
        home = self._homes.pop(asyncio.get_running_loop(), None)
        if home is not None:
            await home.close()

    def _home(self) -> _Home:
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None:
            for gone in [one for one in tuple(self._homes) if one.is_closed()]:
                self._homes.pop(gone, None)
            home = self._homes[loop] = _Home(self._make, self.clock)
        return home


class _Passed:
    """What a coroutine waits for, handed on to the event loop."""

    def __init__(self, waited_for: Any) -> None:
        self._waited_for = waited_for

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._waited_for)


class _Home:
    """A ledger on one loop, and what is done there."""

    def __init__(self, make: Callable[[], Ledger], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._opening = asyncio.Lock()
        self._ledger: Ledger | None = None
        self._lease: AsyncGenerator[Ledger, None] | None = None
        self._closed = False
        self._uses: list[_Use] = []
        self._idle = asyncio.Event()
        self._idle.set()

    async def ledger(self) -> Ledger:
        async with self._opening:
            if self._ledger is None:
                self._lease = _leased(self._make())
                self._ledger = await anext(self._lease)
            return self._ledger

    async def run(self, plan: Coroutine[Any, Any, T]) -> T:
        """What the plan comes to; closing ends it."""
        if self._closed:
            plan.close()
            raise ClosedError
        use = _Use()
        self._uses.append(use)
        self._idle.clear()
        try:
            with use:
                return await self.finish(plan)
        finally:
            self._uses.remove(use)
            if not self._uses:
                self._idle.set()

    async def finish(self, plan: Coroutine[Any, Any, T]) -> T:
        """The same for what tidies up, which closing does not end."""
        answer: Any = None
        failure: BaseException | None = None
        while True:
            try:
                asked = plan.send(answer) if failure is None else plan.throw(failure)
            except StopIteration as end:
                result: T = end.value
                return result
            answer, failure = None, None
            try:
                answer = await self._answer(asked)
            except BaseException as error:  # noqa: BLE001 - it is the plan's to handle
                failure = error

    async def close(self) -> None:
        self._closed = True
        for use in self._uses:
            use.end()
        await self._idle.wait()
        async with self._opening:
            lease, self._lease, self._ledger = self._lease, None, None
            if lease is not None:
                await lease.aclose()

    async def _answer(self, asked: Any) -> Any:
        match asked:
            case Blocking():
                return await asyncio.to_thread(asked.function)
            case Now():
                return self._clock.now()
            case Sleep():
                return await self._clock.sleep_async(asked.seconds)
            case Effect():
                raise TypeError(f"a ledger has no use for {type(asked).__name__}")
            case _:
                return await _Passed(asked)


class _Use:
    """What a task does with a ledger.  It can be ended without the task being cancelled."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - plans are run by tasks
        self._task = task
        self._cancelling = task.cancelling()
        self._ended = False

    def __enter__(self) -> None:
        """Nothing: it has begun with being made."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ended and self._task.uncancel() <= self._cancelling:
            raise ClosedError from None

    def end(self) -> None:
        self._ended = True
        self._task.cancel()


async def _leased(ledger: Ledger) -> AsyncGenerator[Ledger, None]:
    """Ended by `close`, or by the loop: as it shuts down it closes its generators."""
    async with ledger:
        yield ledger


class Desk:
    """The same for callers that block: the ledger lives on a loop in a thread."""

    def __init__(
        self, make: Callable[[], Ledger], clock: Clock, who: Identity, owner: str | None
    ) -> None:
        self._inner = AsyncDesk(make, clock, who, owner)
        self._lock = threading.Lock()
        self._portal: Portal | None = None

    @property
    def who(self) -> Identity:
        return self._inner.who

    @property
    def owner(self) -> str | None:
        return self._inner.owner

    @property
    def clock(self) -> Clock:
        return self._inner.clock

    def once(self, message: str) -> bool:
        return self._inner.once(message)

    async def ledger(self) -> Ledger:
        """The ledger, for what runs on its loop."""
        return await self._inner.ledger()

    def run(self, plan: Coroutine[Any, Any, T]) -> T:
        try:
            return self._opened().run(self._inner.run(plan))
        except ClosedError:
            plan.close()
            raise

    def stream(self, stream: AsyncGenerator[T, None]) -> Iterator[T]:
        portal = self._opened()
        items = self._inner.stream(stream)
        try:
            while True:
                try:
                    item = portal.run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            portal.finish(_end(items))

    def close(self) -> None:
        """Close the ledger, and end the thread.  What is used later begins anew."""
        with self._lock:
            portal, self._portal = self._portal, None
        if portal is not None:
            portal.close(self._inner.close())

    def _opened(self) -> Portal:
        with self._lock:
            if self._portal is None:
                self._portal = Portal()
            return self._portal


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


async def _end(items: AsyncIterator[Any]) -> None:
    if isinstance(items, AsyncGenerator):
        await items.aclose()
