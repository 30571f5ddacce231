"""Threads of our own: a logger that hangs must not take those that others wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

__all__ = ["MOST", "Threads"]

MOST = 32
"""Calls that may be under way: beyond, what hangs is not called again."""


class Threads:
    """Runs functions in daemon threads, a few at a time."""

    def __init__(self) -> None:
        self._busy = 0
        self._lock = threading.Lock()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns, or raises.  One that is not waited for any more goes on."""
        with self._lock:
            if self._busy >= MOST:
                raise TimeoutError(f"{self._busy} calls have not returned")
            self._busy += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        work = partial(copy_context().run, self._work, function, arguments, loop, future)
        threading.Thread(target=work, name="batchyard-litellm", daemon=True).start()
        return await future

    def _work(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
    ) -> None:
        answer, error = None, None
        try:
            answer = function(*arguments)
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
            error = raised
        finally:
            with self._lock:
                self._busy -= 1
        try:
            loop.call_soon_threadsafe(_ended, future, answer, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits


def _ended(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return  # it was cancelled
    if error is None:
        future.set_result(answer)
    elif isinstance(error, Exception):
        future.set_exception(error)
    else:
        # sys.exit in a logger is its failure, and not the worker's end
        future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
