"""A gateway that is served, over an emulator and a ledger, on one clock."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import uvicorn
from openai import AsyncOpenAI, OpenAI
from starlette.types import ASGIApp

from batchyard.config import GatewaySettings, LedgerSettings
from batchyard.emulators._server import bind, url_of
from batchyard.gateway import application
from batchyard.ledger import Ledger
from batchyard.testing import ManualClock
from tests.ledger.life.place import Place, follow

T = TypeVar("T")

MASTER = "sk-master-0123456789abcdef0123456789"
CHAT: Final = "/v1/chat/completions"


class Site:
    """A gateway on a port of its own.  What follows its batches is called by the test.

    ``place`` is where its ledger is, with its emulators and its clock.
    """

    def __init__(self, place: Place, settings: GatewaySettings, setup: dict[str, Any]) -> None:
        self.place = place
        self.clock: ManualClock = place.clock
        self.ledger: Ledger
        self._socket = bind("127.0.0.1", 0)
        self.url = url_of(self._socket)
        self._server = _Server(application(lambda: self._opened(setup), settings))
        self._thread = threading.Thread(target=self._run, name=f"gateway {self.url}", daemon=True)
        self.loop: asyncio.AbstractEventLoop

    def _opened(self, setup: dict[str, Any]) -> Any:
        chosen = LedgerSettings(url=self.place.url, store=self.place.folder / "store")
        self.ledger = Ledger(chosen, self.place.setup(**setup))
        return self.ledger

    def _run(self) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._socket])

        asyncio.run(main())

    @contextmanager
    def served(self) -> Iterator[Site]:
        self._thread.start()
        assert self._server.ready.wait(30), "the gateway did not start"
        try:
            yield self
        finally:
            self._server.should_exit = True
            self._thread.join(30)

    def run(self, task: Callable[[Ledger], Awaitable[T]]) -> T:
        """What the ledger of the gateway does, on its own loop."""

        async def main() -> T:
            return await task(self.ledger)

        return asyncio.run_coroutine_threadsafe(main(), self.loop).result(120)

    def follow(self) -> None:
        """Do all that is due, to the end of all work."""
        self.run(follow)

    def http(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A plain client."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def openai(self, key: str = "sk-any", **options: Any) -> OpenAI:
        """The official client, told nothing but the address."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, **{"max_retries": 0, **options})

    def openai_async(self, key: str = "sk-any", **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, **{"max_retries": 0, **options})


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                timeout_keep_alive=300,
                timeout_graceful_shutdown=5,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def gateway(
    folder: Path,
    url: str,
    clock: ManualClock | None = None,
    *,
    settings: dict[str, Any] | None = None,
    emulators: tuple[str, ...] = ("openai",),
    options: dict[str, dict[str, Any]] | None = None,
    **setup: Any,
) -> Iterator[Site]:
    """A gateway in *folder* over the database at *url*; *setup* is the ledger's.

    *options* are those of emulators, by their names.
    """
    place = Place(url, folder, clock or ManualClock())
    try:
        for name, given_options in (options or {}).items():
            place.emulate(name, **given_options)
        accounts = [place.served(one) for one in emulators]
        given = {"accounts": accounts, "default_account": emulators[0], **setup}
        made = Site(place, GatewaySettings(**{"follow": False, **(settings or {})}), given)
        with made.served() as site:
            yield site
    finally:
        place.close()


def lines(count: int, **body: Any) -> bytes:
    """A file of chat requests."""
    rows = (
        {
            "custom_id": f"r-{number}",
            "method": "POST",
            "url": CHAT,
            "body": {
                "model": "gpt-4.1-mini",
                "messages": [{"role": "user", "content": f"Say hello {number} times."}],
                **body,
            },
        }
        for number in range(count)
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
