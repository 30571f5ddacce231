"""Behaviours are tested against the emulator over real HTTP, and in both colours by all tests."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.client import Content, Pager, Results
from batchyard.drivers import Transport
from batchyard.testing import ManualClock
from batchyard_vertex import Settings
from batchyard_vertex.emulator import VertexEmulator
from tests.ledger.conftest import sqlite_template

__all__ = ["sqlite_template"]


HERE = Path(__file__).parent


async def settled(value: Any) -> Any:
    """What a call of either colour comes to; what can be iterated over becomes a list."""
    if inspect.isawaitable(value):
        return await value
    if hasattr(value, "__aiter__"):
        return [item async for item in value]
    if isinstance(value, Content | Pager | Results):
        return list(value)
    return value


def chat_line(custom_id: str, text: str = "Say hello.", **body: Any) -> dict[str, Any]:
    whole = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], **body}
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": whole,
    }


def jsonl(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def chats(count: int, **body: Any) -> bytes:
    return jsonl(*(chat_line(f"r-{n}", f"Say hello {n} times.", **body) for n in range(count)))


class Service:
    """An emulator with its address, and clients of one colour for it."""

    def __init__(self, colour: str, emulator: VertexEmulator, url: str, clock: ManualClock) -> None:
        self.colour = colour
        self.emulator = emulator
        self.url = url
        self.clock = clock

    def settings(self, **more: Any) -> dict[str, Any]:
        made = Settings.from_environment(self.emulator.environment(self.url))
        assert made is not None
        return {name: getattr(made, name) for name in made.model_fields_set} | more

    def client(self, **options: Any) -> Any:
        kind = Client if self.colour == "sync" else AsyncClient
        # nothing is encrypted here, and loading the certificates takes longer than a test
        given = {"clock": self.clock, "transport": Transport(verify=False)}
        return kind("vertex", **{**given, **self.settings(), **options})

    def run(self, body: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """Run *body* with a client, and close the client."""

        async def main() -> Any:
            client = self.client(**options)
            try:
                return await body(client)
            finally:
                await settled(client.close())

        return asyncio.run(main())

    def object_names(self) -> list[str]:
        bucket = self.settings()["bucket"]
        found = self.emulator.objects.list(bucket, "", None, self.clock.now())
        return [one.name for one in found]


VARIANTS = (
    *("upload_file-marked", "create_batch-marked", "retrieve_batch-with-metadata"),
    *("cancel_batch-ended", "file_content-input", "retrieve_file-results"),
)
"""Scenarios whose faults are those of another scenario of the same operation."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the faults of variants to `make test-all`; that they end well is tried always."""
    for item in items:
        varied = item.path.parent == HERE and any(f"[{one}-" in item.name for one in VARIANTS)
        if varied and item.path.name == "test_conformance.py":
            item.add_marker(pytest.mark.slow)


# what is the same in both colours is tried in one, and async for every kind of file in
# `translation/test_through_the_service.py`
@pytest.fixture(params=["sync", pytest.param("async", marks=pytest.mark.slow)])
def colour(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> VertexEmulator:
    return VertexEmulator(clock=clock)


@pytest.fixture
def service(colour: str, emulator: VertexEmulator, clock: ManualClock) -> Iterator[Service]:
    with emulator.serve() as server:
        yield Service(colour, emulator, server.url, clock)


@pytest.fixture
def blocking(emulator: VertexEmulator, clock: ManualClock) -> Iterator[Service]:
    """For what has one colour only."""
    with emulator.serve() as server:
        yield Service("sync", emulator, server.url, clock)
