"""Calling a logger: the form that it has, and whether it took what it was told."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from batchyard_litellm._calls import LoggerCall
from batchyard_litellm._threads import Threads

__all__ = ["Caller", "LoggerError"]

log = logging.getLogger("batchyard.litellm")


class LoggerError(Exception):
    """The logger has not taken it, as far as it lets that be known."""


class Caller:
    """Calls one logger.

    LiteLLM's own loggers let no error out: they log it, and go on.  With *strict*
    an error that is logged during a call is the call's failure.  Those that
    collect what they are told are made to send it before a call has ended.
    """

    def __init__(self, logger: Any, threads: Threads, *, strict: bool = True) -> None:
        self._logger = logger
        self._threads = threads
        self._strict = strict
        self._turn: asyncio.Lock | None = None

    async def tell(self, call: LoggerCall) -> None:
        function = _form(self._logger, call.success)
        if function is None:
            return
        arguments = (call.kwargs, call.response, call.start, call.end)
        if not inspect.iscoroutinefunction(function):
            with _errors() as errors:
                await self._threads.run(function, *arguments)
            self._judge(errors)
            return
        if self._turn is None:
            self._turn = asyncio.Lock()
        # one after the other: what one collects another would send, and not know whether it went
        async with self._turn:
            queue = getattr(self._logger, "log_queue", None)
            before = len(queue) if isinstance(queue, list) else 0
            try:
                with _errors() as errors:
                    await function(*arguments)
                    await self._flush()
                self._judge(errors)
            except BaseException:
                self._forget(before)
                raise

    async def _flush(self) -> None:
        queue = getattr(self._logger, "log_queue", None)
        flush = getattr(self._logger, "flush_queue", None)
        if not queue or flush is None:
            return
        await flush()
        if self._strict and getattr(self._logger, "log_queue", None):
            raise LoggerError("the logger keeps what it was told, and has not sent it")

    def _forget(self, before: int) -> None:
        """Take back what will be told again."""
        queue = getattr(self._logger, "log_queue", None)
        if isinstance(queue, list):
            del queue[before:]

    def _judge(self, errors: list[str]) -> None:
        if errors and self._strict:
            raise LoggerError(f"the logger logged an error: {errors[0]}")


def _form(logger: Any, success: bool) -> Callable[..., Any] | None:  # noqa: FBT001 - two forms, by what it is
    """What of the logger is to be called: its async method, else the other, else itself."""
    end = "success" if success else "failure"
    for name in (f"async_log_{end}_event", f"log_{end}_event"):
        if (found := _own(logger, name)) is not None:
            return found
    if inspect.isfunction(logger) or inspect.ismethod(logger):
        return logger
    return None


def _own(logger: Any, name: str) -> Callable[..., Any] | None:
    """The method, unless it is the one of ``CustomLogger`` that does nothing."""
    found = getattr(logger, name, None)
    if not callable(found):
        return None
    inherited = getattr(found, "__qualname__", "") == f"CustomLogger.{name}"
    module = str(getattr(found, "__module__", ""))
    return None if inherited and module.startswith("litellm.") else found


_heard: ContextVar[list[str] | None] = ContextVar("batchyard_litellm_errors", default=None)


class _Hearing(logging.Handler):
    """Hears the errors that LiteLLM logs in a call of ours; only of which kind they are."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = _heard.get()
        if heard is not None:
            kind = record.exc_info[0] if record.exc_info else None
            heard.append("an error" if kind is None else kind.__name__)


_hearing = _Hearing(logging.ERROR)


@contextmanager
def _errors() -> Iterator[list[str]]:
    """The errors that are logged in the block, by this task or thread and what it starts."""
    logger = logging.getLogger("LiteLLM")
    if _hearing not in logger.handlers:
        logger.addHandler(_hearing)
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)
