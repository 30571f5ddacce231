"""Settling without blocking an event loop."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Lock
from typing import Any

from batchyard.errors import BatchyardError
from batchyard.ledger.settlement._kernel import settle
from batchyard.ledger.settlement._task import Settled, SettleTask

__all__ = ["run_settle", "stop_settling"]

_lock = Lock()
_worker: ProcessPoolExecutor | None = None


async def run_settle(task: SettleTask, *, in_process: bool) -> Settled:
    """:func:`settle`, in a thread or, with *in_process*, in this process's one worker process.

    The worker is started when it is first needed, as a fresh interpreter.  What
    cannot be sent to it, because the usage reader cannot be pickled, is done in
    a thread.  Raises :class:`BatchyardError`, which is worth another try, if the
    worker dies.
    """
    if not (in_process and await asyncio.to_thread(_can_be_sent, task)):
        return await asyncio.to_thread(settle, task)
    worker = _the_worker()
    try:
        return await asyncio.get_running_loop().run_in_executor(worker, settle, task)
    except BrokenProcessPool as error:
        _forget(worker)
        raise BatchyardError("the settling process died", retryable=True) from error


def stop_settling() -> None:
    """End the worker process, if there is one, after what it is doing."""
    worker = _worker
    if worker is not None:
        _forget(worker)


def _the_worker() -> ProcessPoolExecutor:
    global _worker  # noqa: PLW0603 - one a process, whoever settles
    with _lock:
        if _worker is None:
            # a fork would copy locks that other threads hold
            fresh = multiprocessing.get_context("spawn")
            _worker = ProcessPoolExecutor(
                max_workers=1, mp_context=fresh, initializer=_end_with_parent
            )
        return _worker


def _end_with_parent() -> None:
    """A worker whose parent was killed hears of it from nobody, and would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _forget(worker: ProcessPoolExecutor) -> None:
    global _worker  # noqa: PLW0603 - likewise
    with _lock:
        if _worker is worker:
            _worker = None
    worker.shutdown()


def _can_be_sent(task: SettleTask) -> bool:
    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        # what pickle raises for closures and the like, by their kind
        return False
    return True
