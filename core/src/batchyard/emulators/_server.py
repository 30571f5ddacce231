from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from batchyard.emulators._exchange import CONNECTION

_TICK = 0.1


class _Connection(H11Protocol):
    """A connection that requests can find in their scope, in order to break it."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, CONNECTION: self}, _loop)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


class _Uvicorn(uvicorn.Server):
    """Starts and stops at once; uvicorn's own stop waits for clients to hang up first."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                # longer than a client keeps idle connections: it must not see one die under it
                timeout_keep_alive=300,
            )
        )
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        tick = 0
        while not await self.on_tick(tick) and not self._stopped.is_set():
            tick += 1
            try:
                await asyncio.wait_for(self._stopped.wait(), _TICK)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Ask for the end, from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)


class Server:
    """Serves an application from a background thread with its own event loop.

    The socket is bound by the constructor, so `url` is known, and free of races, from then on.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = bind(host, port)
        self.url = url_of(self._socket)
        self._uvicorn = _Uvicorn(app)
        self._thread = threading.Thread(target=self._run, name=f"emulator {self.url}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._uvicorn.ready.wait(timeout=10):
            raise RuntimeError(f"the emulator at {self.url} did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._uvicorn.stop()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.run(self._uvicorn.serve(sockets=[self._socket]))


def run(app: ASGIApp, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve in the foreground until interrupted; `announce` hears the URL once it can be called."""
    with bind(host, port) as listener, suppress(KeyboardInterrupt):  # the way to stop it
        announce(url_of(listener))
        asyncio.run(_Uvicorn(app).serve(sockets=[listener]))


def bind(host: str, port: int) -> socket.socket:
    """A listening address of our own: asking for a free port and binding it later is a race."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # naming the protocol makes asyncio switch Nagle's algorithm off, which costs 40 ms a reply
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # who is told the address may come before the server is ready
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
