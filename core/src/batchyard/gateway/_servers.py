"""uvicorn's servers, stopped by one signal in good order, and by a second one at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from batchyard.errors import ConfigError
from batchyard.gateway._protocol import Options

__all__ = ["end_with_parent", "run", "run_many"]

STOPPING = (signal.SIGINT, signal.SIGTERM)

FAILED = "the gateway did not start; its log says why"


def run(options: Options, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve until a signal says to stop; *started* is called once it answers.

    Raises :class:`ConfigError` where it does not start.
    """
    try:
        Server(options, started).run(sockets=[listener])
    except SystemExit as error:
        # uvicorn's way to say so
        raise ConfigError(FAILED) from error


def run_many(options: Options, listener: socket.socket) -> None:
    """Serve by processes that share the socket; one that dies is started again."""
    servers = Servers(options, sockets=[listener])
    servers.run()
    if any(one.exitcode == STARTUP_FAILURE for one in servers.processes):
        raise ConfigError(FAILED)


def end_with_parent() -> None:
    """Stop in good order when the process is gone that has begun this one.

    One that was killed says nothing to its children, and they would go on answering.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()


def _stop_after(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class Server(uvicorn.Server):
    def __init__(self, options: Options, started: Callable[[], None]) -> None:
        super().__init__(options)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        """Stop in good order; a second signal does what it always does."""
        self.should_exit = True
        for one in STOPPING:
            signal.signal(one, signal.SIG_DFL)


class Servers(Multiprocess):
    def handle_int(self) -> None:
        self._stop(signal.SIGINT)

    def handle_term(self) -> None:
        self._stop(signal.SIGTERM)

    def _stop(self, sig: int) -> None:
        if self.should_exit.is_set():
            # both had come before the first was looked at
            self._stop_at_once(sig, None)
        self.should_exit.set()
        for one in STOPPING:
            signal.signal(one, self._stop_at_once)
        # who connects now is not to wait for nobody
        for listener in self.sockets:
            listener.close()

    def _stop_at_once(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        for one in self.processes:
            one.process.kill()
        signal.signal(sig, signal.SIG_DFL)
        signal.raise_signal(sig)
