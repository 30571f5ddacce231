"""Every behaviour of the clients is tested in both colours, against a real server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.client import Content, Pager, Results
from batchyard.testing import ManualClock
from batchyard_openai.emulator import OpenAIEmulator

KEY = "sk-test-SECRET-0123456789"


async def settled(value: Any) -> Any:
    """What a call of either colour comes to; what can be iterated over becomes a list."""
    if inspect.isawaitable(value):
        return await value
    if hasattr(value, "__aiter__"):
        return [item async for item in value]
    if isinstance(value, Content | Pager | Results):
        return list(value)
    return value


class Service:
    """An emulator with its address, and clients of one colour for it."""

    def __init__(self, colour: str, emulator: OpenAIEmulator, url: str, clock: ManualClock) -> None:
        self.colour = colour
        self.emulator = emulator
        self.url = url
        self.clock = clock

    def client(self, **options: Any) -> Any:
        kind = Client if self.colour == "sync" else AsyncClient
        given = {"api_key": KEY, "base_url": f"{self.url}/v1", "clock": self.clock, **options}
        return kind("openai", **given)

    def run(self, body: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """Run *body* with a client, and close the client."""

        async def main() -> Any:
            client = self.client(**options)
            try:
                return await body(client)
            finally:
                await settled(client.close())

        return asyncio.run(main())


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> OpenAIEmulator:
    return OpenAIEmulator(clock=clock)


@pytest.fixture
def service(colour: str, emulator: OpenAIEmulator, clock: ManualClock) -> Iterator[Service]:
    with emulator.serve() as server:
        yield Service(colour, emulator, server.url, clock)
