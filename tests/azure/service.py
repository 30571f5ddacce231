"""An emulated resource, and clients of one colour for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from batchyard import AsyncClient, Client
from batchyard.testing import ManualClock
from batchyard_azure.emulator import AzureEmulator
from tests.client.conftest import settled

KEY = "azure-test-SECRET-0123456789"
CHAT: Final = "/v1/chat/completions"
DEPLOYMENTS = {"mini-batch": "gpt-4.1-mini"}
"""What the emulated resource has, by name."""

MODELS = {"gpt-4.1-mini": {"name": "mini-batch", "base_model": "gpt-4.1-mini"}}
"""The same, as the account's setting."""


@dataclass(frozen=True)
class Service:
    colour: str
    emulator: AzureEmulator
    url: str
    clock: ManualClock

    def client(self, **options: Any) -> Any:
        kind = Client if self.colour == "sync" else AsyncClient
        own = {"api_key": KEY, "base_url": self.url, "deployments": MODELS, "clock": self.clock}
        return kind("azure", **{**own, **options})

    def run(self, body: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """Run *body* with a client of its own, and close the client."""

        async def main() -> Any:
            client = self.client(**options)
            try:
                return await body(client)
            finally:
                await settled(client.close())

        return asyncio.run(main())

    def created(self) -> int:
        return len(self.emulator.requests.matching("POST", "/openai/v1/batches"))


async def begun(client: Any, lines: bytes | Path, **options: Any) -> Any:
    """The batch of these lines, just created."""
    file = await settled(client.files.create(lines, **options))
    return await settled(client.batches.create(file, CHAT))


async def ended(client: Any, lines: bytes | Path, **options: Any) -> Any:
    return await settled(client.batches.wait(await begun(client, lines, **options)))


async def rows(client: Any, batch: Any) -> tuple[list[Any], Any]:
    """A batch's results, and what they come to."""
    results = client.batches.results(batch)
    return await settled(results), results.completeness
