"""Calling a hook of a plugin that may hang, raise anything, and be ``def`` or ``async def``."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any

import pluggy

from batchyard.errors import PluginContractError, PluginFailedError
from batchyard.registry._checks import manager_for, register
from batchyard.registry._listeners import within

__all__ = ["Hooks"]

HANGING = 64
"""Calls of one plugin that may be under way in threads before further ones are refused."""

Answer = tuple[Any, BaseException | None]


class Hooks:
    """The hooks of one plugin.  What is called has each argument that it takes, and no other.

    A ``def`` runs in a thread of its own, an ``async def`` on the caller's event
    loop or, for a caller that blocks, on one of its own.  *deadline* is in
    seconds; a ``def`` that passes it cannot be stopped, only left behind.
    """

    def __init__(self, group: str, name: str, plugin: object, deadline: float) -> None:
        self._hooks = register(manager_for(group), group, name, plugin)
        self._name = f"{group.removesuffix('s')} {name}"
        self._deadline = deadline
        self._busy = 0
        self._lock = threading.Lock()

    def supports(self, hook: str) -> bool:
        return hook in self._hooks

    def bound(self, hook: str, **arguments: Any) -> partial[Any]:
        """The hook with those of the arguments that it takes."""
        impl: pluggy.HookImpl = self._hooks[hook]
        return partial(impl.function, *(arguments[name] for name in impl.argnames))

    def call(self, hook: str, **arguments: Any) -> Any:
        """Block until the hook has answered; not for an event loop's thread.

        Raises :class:`PluginFailedError` for whatever it raises.
        """
        function = self.bound(hook, **arguments)
        try:
            future = self._start(hook, partial(_run, function, self._deadline))
            answer, error = future.result(self._deadline)
        except TimeoutError:
            answer, error = None, self._late()
        return self._answer(hook, answer, error)

    async def call_async(self, hook: str, **arguments: Any) -> Any:
        """The same, awaiting."""
        function = self.bound(hook, **arguments)
        error: BaseException | None = None
        answer = None
        try:
            async with asyncio.timeout(self._deadline) as limit:
                if not inspect.iscoroutinefunction(function.func):
                    answer, error = await asyncio.wrap_future(self._start(hook, function))
                else:
                    answer = function()
                if inspect.isawaitable(answer):
                    answer = await answer
        except TimeoutError as late:
            error = self._late() if limit.expired() else late
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            error = cancelled
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - the boundary to a plugin, which may call sys.exit
            error = raised
        return self._answer(hook, answer, error)

    def refused(self, hook: str, wanted: str, got: object) -> PluginContractError:
        """The error for an answer that is none."""
        return PluginContractError(
            f"{self._name}: {hook} must return {wanted}, not {type(got).__name__}"
        )

    def _answer(self, hook: str, answer: Any, error: BaseException | None) -> Any:
        if isinstance(error, PluginFailedError):
            raise error
        if error is not None:
            said = f": {error}" if str(error) else ""
            raise PluginFailedError(
                f"{self._name}: {hook} failed: {type(error).__name__}{said}"
            ) from error
        return answer

    def _late(self) -> TimeoutError:
        return TimeoutError(f"has not returned in {self._deadline:g} s")

    def _start(self, hook: str, function: Callable[[], Any]) -> Future[Answer]:
        """Call it in a daemon thread: one that hangs must not keep the process alive."""
        with self._lock:
            if self._busy >= HANGING:
                raise PluginFailedError(
                    f"{self._name}: {hook} is not called: {self._busy} calls have not returned"
                )
            self._busy += 1
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        work = partial(copy_context().run, self._work, function, future)
        threading.Thread(target=work, name=f"batchyard-{self._name}", daemon=True).start()
        return future

    def _work(self, function: Callable[[], Any], future: Future[Answer]) -> None:
        answer: Answer
        try:
            answer = function(), None
        except BaseException as error:  # noqa: BLE001 - the boundary to a plugin, which may call sys.exit
            answer = None, error
        finally:
            with self._lock:
                self._busy -= 1
        future.set_result(answer)


def _run(function: Callable[[], Any], deadline: float) -> Any:
    """Call a hook for a caller that blocks, with an event loop if it needs one."""
    answer = function()
    return asyncio.run(within(answer, deadline)) if inspect.isawaitable(answer) else answer
