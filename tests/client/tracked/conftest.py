"""Clients with a ledger, in both colours: a real server, a real database, a clock of the test's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.config import LedgerSettings
from batchyard.drivers import Transport
from batchyard.ledger.database import Database
from batchyard.models import Batch
from batchyard.testing import ManualClock
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import KEY, settled
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"

PLAIN = Transport(verify=False)
"""Nothing is encrypted here, and loading the certificates takes longer than a test."""


class Tracked:
    """An emulator with its address, a ledger, and clients of one colour for both."""

    def __init__(
        self, colour: str, emulator: OpenAIEmulator, url: str, clock: ManualClock, ledger: Path
    ) -> None:
        self.colour = colour
        self.emulator = emulator
        self.url = url
        self.clock = clock
        self.ledger = ledger

    def client(self, **options: Any) -> Any:
        kind = Client if self.colour == "sync" else AsyncClient
        given: dict[str, Any] = {"api_key": KEY, "base_url": f"{self.url}/v1"}
        given |= {"clock": self.clock, "ledger": self.ledger, "transport": PLAIN}
        return kind("openai", **{**given, **options})

    def run(self, body: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """Run *body* with a client, and close the client."""

        async def main() -> Any:
            client = self.client(**options)
            try:
                return await body(client)
            finally:
                await settled(client.close())

        return asyncio.run(main())

    def settings(self, **settings: Any) -> LedgerSettings:
        """The ledger with settings of its own."""
        return LedgerSettings(url=str(self.ledger), **settings)

    def created(self) -> int:
        """How many batches the provider was asked for."""
        return len(self.emulator.requests.matching("POST", "/v1/batches"))


async def begun(client: Any, lines: Any = None, **order: Any) -> Batch:
    """The batch of these lines, just written down."""
    file = await settled(client.files.create(chat_lines(3) if lines is None else lines))
    batch: Batch = await settled(client.batches.create(file, CHAT, **order))
    return batch


async def ended(client: Any, lines: Any = None, **order: Any) -> Batch:
    done: Batch = await settled(client.batches.wait(await begun(client, lines, **order)))
    return done


async def rows(client: Any, batch: Batch) -> tuple[list[Any], Any]:
    """A batch's results, and what they come to."""
    results = client.batches.results(batch)
    return await settled(results), results.completeness


# what is behind them is async for both; that the blocking client hands all of it through is tried
# with the life of a batch
@pytest.fixture(params=[pytest.param("sync", marks=pytest.mark.slow), "async"])
def colour(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tracked") / "ledger.db"

    async def made() -> None:
        async with Database(str(path)):
            pass

    asyncio.run(made())
    return path


@pytest.fixture
def ledger(empty_ledger: Path, tmp_path: Path) -> Path:
    """A ledger with its tables, for this test alone."""
    path = tmp_path / "ledger" / "ledger.db"
    path.parent.mkdir()
    return Path(shutil.copy(empty_ledger, path))


@pytest.fixture
def tracked(
    colour: str, emulator: OpenAIEmulator, clock: ManualClock, ledger: Path
) -> Iterator[Tracked]:
    with emulator.serve() as server:
        yield Tracked(colour, emulator, server.url, clock, ledger)


@pytest.fixture
def blocking(emulator: OpenAIEmulator, clock: ManualClock, ledger: Path) -> Iterator[Tracked]:
    """For what has one colour only."""
    with emulator.serve() as server:
        yield Tracked("sync", emulator, server.url, clock, ledger)


@pytest.fixture
def awaiting(emulator: OpenAIEmulator, clock: ManualClock, ledger: Path) -> Iterator[Tracked]:
    """For what has the other colour only."""
    with emulator.serve() as server:
        yield Tracked("async", emulator, server.url, clock, ledger)
