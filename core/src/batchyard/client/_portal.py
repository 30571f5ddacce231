"""An event loop in a thread of its own, for the blocking client of a ledger."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

__all__ = ["ClosedError", "Portal"]

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds in which what was interrupted may come to an end in good order."""


class ClosedError(RuntimeError):
    """The client was closed while it was used."""

    def __init__(self) -> None:
        super().__init__("the client was closed while it was used")


class Portal:
    """Runs coroutines on its loop, while their callers wait.  It has one life."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._closing = asyncio.Event()
        self._lock = threading.Lock()
        self._last: Coroutine[Any, Any, None] | None = None
        self._failure: BaseException | None = None
        # a daemon: a program that closes nothing must end all the same
        self._thread = threading.Thread(target=self._serve, name="batchyard-ledger", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises.

        If the caller is interrupted it is cancelled, and has come to its end
        when this raises: what it held is free again.
        """
        call = _Call(coroutine)
        try:
            # an interrupt may come as soon as it has begun
            self._soon(call)
            return call.done.result()
        except ClosedError:
            raise
        except BaseException:
            if not call.done.done():
                self._loop.call_soon_threadsafe(call.cancel)
                wait([call.done], PATIENCE)
            raise

    def finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run what tidies up, unless closing has done so."""
        if sys.is_finalizing():
            coroutine.close()  # the loop's thread stands still: nothing would ever come of it
            return
        call = _Call(coroutine)
        try:
            self._soon(call)
        except ClosedError:
            return
        # the garbage collector may come here on the loop's own thread, which cannot wait for itself
        if threading.current_thread() is not self._thread:
            call.done.result()

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what still runs, then run *last*, and end loop and thread."""
        with self._lock:
            if self._last is None:
                self._last = last
                self._loop.call_soon_threadsafe(self._closing.set)
            else:
                last.close()
        self._thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _soon(self, call: _Call[Any]) -> None:
        with self._lock:
            if self._last is not None:
                call.coroutine.close()
                raise ClosedError
            # the task gets a copy of the caller's context
            self._loop.call_soon_threadsafe(call.begin)

    def _serve(self) -> None:
        with self._runner as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        await self._closing.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert self._last is not None  # noqa: S101 - it is there before the event is set
        try:
            await self._last
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._failure = error


class _Call(Generic[T]):
    """A coroutine that a thread waits for.  Its methods run on the loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.coroutine = coroutine
        self.done: Future[T] = Future()
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.coroutine)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:
            # interrupted before it was begun
            self.coroutine.close()
            self.done.set_exception(ClosedError())

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.done.set_exception(ClosedError())
            return
        error = task.exception()
        if error is None:
            self.done.set_result(task.result())
        else:
            self.done.set_exception(error)
