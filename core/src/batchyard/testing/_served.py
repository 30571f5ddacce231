"""A gateway over emulators, served on a loopback port, whose batches end as they are looked at."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from batchyard.config import GatewaySettings, LedgerSettings
from batchyard.drivers import AsyncDriver
from batchyard.registry import LIMIT, Registry
from batchyard.testing._emulated import PLAIN, Emulated, new_ledger

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["GatewayServer"]

T = TypeVar("T")

START = 30.0
"""Seconds in which a server must be there."""

STEPS = 1_000
"""Steps after which a ledger that still has something to do is taken for one that always will."""


class GatewayServer:
    """The gateway, serving while this is entered.

    Its ledger is new, in *folder*, and its accounts are the emulators' providers;
    the first is the default.  All share the first emulator's clock.  Nothing
    follows the batches by itself: each GET of a batch, or of a list of them, does
    the next thing that is due and lets the time until then pass, so a client that
    polls reaches the end without waiting.  ``settle()`` goes there at once.
    """

    def __init__(self, folder: Path, emulators: Sequence[Emulated], **settings: Any) -> None:
        self._emulators = emulators
        self._folder = folder
        self._clock = emulators[0].clock
        self._lock = asyncio.Lock()
        given: dict[str, Any] = {"follow": False, "drain": 1.0, "access_log": False, **settings}
        self._settings = GatewaySettings(**given)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        """The base URL for clients."""
        self._server = _Server(self._application())
        self._thread = threading.Thread(target=self._run, name=f"gateway {self.url}", daemon=True)
        self._ledger: Ledger | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def api_key(self) -> str:
        """What a client may have for a key: the master key, or any where there is none."""
        key = self._settings.master_key
        return key.get_secret_value() if key else "sk-any-0123456789"

    def __enter__(self) -> Self:
        # before there is a loop, which making one may need
        new_ledger(self._folder)
        self._thread.start()
        if not (self._server.ready.wait(START) and self._server.started and self._ledger):
            self.__exit__(None, None, None)
            raise RuntimeError("the gateway did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(START)
        self._socket.close()

    def settle(self) -> None:
        """Do all that is to be done, and let all the time pass that it takes."""

        async def to_the_end(ledger: Ledger) -> None:
            for _ in range(STEPS):
                if not await self._step(ledger):
                    return
            raise RuntimeError(f"the ledger has not come to rest in {STEPS} steps")

        self.run(to_the_end)

    def run(self, task: Callable[[Ledger], Awaitable[T]]) -> T:
        """What *task* makes of the gateway's ledger, on the gateway's own loop."""
        if self._loop is None or self._ledger is None:
            raise RuntimeError("the gateway is not serving")
        ledger = self._ledger

        async def main() -> T:
            return await task(ledger)

        return asyncio.run_coroutine_threadsafe(main(), self._loop).result()

    async def _step(self, ledger: Ledger) -> bool:
        """Whether there was anything to do, now or later."""
        async with self._lock:
            if await ledger.tracker.step():
                return True
            due = await ledger.tracker.next_due()
            if due is None:
                return False
            self._clock.advance(max(due - self._clock.now(), 0.0) + 0.001)
            await ledger.tracker.step()
            return True

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._socket])

        asyncio.run(main())

    def _opened(self) -> Ledger:
        from batchyard.ledger import Ledger, Served, Setup  # noqa: PLC0415 - it needs an extra

        environ: dict[str, str] = {LIMIT: ",".join(one.name for one in self._emulators)}
        for one in self._emulators:
            environ |= one.environment
        registry = Registry(environ)
        accounts = [registry.account(one.name) for one in self._emulators]
        setup = Setup(
            config=os.devnull,
            registry=registry,
            clock=self._clock,
            transport=PLAIN,
            accounts=[Served(one, AsyncDriver(one, PLAIN, self._clock), {}) for one in accounts],
            default_account=accounts[0].name,
        )
        settings = LedgerSettings(
            url=str(new_ledger(self._folder)),
            store=self._folder / "store",
        )
        self._ledger = Ledger(settings, setup)
        return self._ledger

    def _application(self) -> ASGIApp:
        from batchyard.gateway import application  # noqa: PLC0415 - it needs an extra

        gateway = application(self._opened, self._settings)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            looks = scope["type"] == "http" and scope["method"] == "GET"
            if looks and scope["path"].startswith("/v1/batches") and self._ledger is not None:
                await self._step(self._ledger)
            await gateway(scope, receive, send)

        return app


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, ws="none")
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()
