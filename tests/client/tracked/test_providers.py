"""The other providers with a ledger: to their results, and with their prices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.drivers import Transport
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import ended, rows

LINES = chat_lines(4) + chat_lines(1, prefix="bad", temperature=9)

DEPLOYED = {"gpt-4.1-mini": {"name": "mini-batch", "base_model": "gpt-4.1-mini"}}

MILLION = Decimal(1_000_000)


class Place:
    """Clients of one colour at a provider's emulator."""

    def __init__(self, colour: str, clock: ManualClock, ledger: Path, scope: ExitStack) -> None:
        self._colour = colour
        self._clock = clock
        self._ledger = ledger
        self._scope = scope
        self.emulator: Any = None

    def run(self, provider: str, body: Any, emulated: dict[str, Any], **settings: Any) -> None:
        self.emulator = Registry({}).load("emulators", provider)(clock=self._clock, **emulated)
        server = self._scope.enter_context(self.emulator.serve())
        self._scope.callback(self.emulator.close)
        environ = self.emulator.environment(server.url)
        kind = Client if self._colour == "sync" else AsyncClient

        async def main() -> None:
            client = kind(
                provider,
                registry=Registry(environ),
                clock=self._clock,
                ledger=self._ledger,
                transport=Transport(verify=False),
                **settings,
            )
            try:
                await body(client)
            finally:
                await settled(client.close())

        asyncio.run(main())


@pytest.fixture
def place(colour: str, clock: ManualClock, ledger: Path) -> Iterator[Place]:
    with ExitStack() as scope:
        yield Place(colour, clock, ledger, scope)


def test_azure_goes_from_lines_that_name_a_model_to_what_its_deployment_costs(place: Place) -> None:
    async def body(client: Any) -> None:
        batch = await ended(client, LINES)
        assert batch.status == "completed"
        items, proof = await rows(client, batch)
        assert [one.outcome for one in items] == ["ok"] * 4 + ["error"]
        assert str(proof) == "5 = 4 ok + 1 error"
        # what was sent names the deployment, what its owner sees is what they wrote
        assert await settled(client.files.content(batch.input_file_id).read()) == LINES
        receipt = await settled(client.batches.cost(batch))
        (item,) = receipt.items
        assert (item.model, item.provider) == ("gpt-4.1-mini-2025-04-14", "azure")
        assert receipt.state == "priced"
        used = receipt.usage
        spent = used.input_tokens * item.rates.input + used.output_tokens * item.rates.output
        assert receipt.cost == spent / MILLION > 0

    emulated = {"deployments": {"mini-batch": "gpt-4.1-mini"}}
    place.run("azure", body, emulated, deployments=DEPLOYED)


def test_vertex_goes_from_openais_lines_to_what_gemini_costs(place: Place) -> None:
    async def body(client: Any) -> None:
        lines = LINES.replace(b"gpt-4.1-mini", b"gemini-2.5-flash")
        batch = await ended(client, lines, metadata={"team": "a"})
        assert (batch.status, batch.metadata) == ("completed", {"team": "a"})
        items, proof = await rows(client, batch)
        assert [one.outcome for one in items] == ["ok"] * 4 + ["error"]
        assert all(one.text for one in items[:4])
        assert proof.complete
        assert json.loads(items[0].raw)["custom_id"] == "r-0"
        receipt = await settled(client.batches.cost(batch))
        (item,) = receipt.items
        assert (item.model, item.provider, receipt.state) == (
            "gemini-2.5-flash",
            "vertex",
            "priced",
        )
        used = receipt.usage
        assert used.reasoning_tokens > 0
        spent = used.input_tokens * item.rates.input + used.output_tokens * item.rates.output
        assert receipt.cost == spent / MILLION > 0

    place.run("vertex", body, {})
