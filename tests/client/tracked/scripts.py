"""What runs in a process of its own: ``python -m tests.client.tracked.scripts NAME URL LEDGER``."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from batchyard import AsyncClient, Client
from batchyard.models import Batch
from tests.client.conftest import KEY
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"


def options(url: str, ledger: str) -> dict[str, Any]:
    return {"api_key": KEY, "base_url": f"{url}/v1", "ledger": ledger}


def told(batch: Batch) -> None:
    """Says where it stands, so that whoever interrupts knows that it has begun."""
    print(batch.id, batch.status, flush=True)  # noqa: T201 - read by the test


def waits(url: str, ledger: str) -> None:
    with Client("openai", **options(url, ledger)) as client:
        batch = client.batches.create(client.files.create(chat_lines(3)), CHAT)
        client.batches.wait(batch, on_progress=told)


def waits_async(url: str, ledger: str) -> None:
    async def main() -> None:
        async with AsyncClient("openai", **options(url, ledger)) as client:
            batch = await client.batches.create(await client.files.create(chat_lines(3)), CHAT)
            await client.batches.wait(batch, on_progress=told)

    asyncio.run(main())


def makes_many(url: str, ledger: str) -> None:
    """Batches, side by side with another process that makes its own, all of them waited for."""
    with Client("openai", **options(url, ledger)) as client:
        made = [
            client.batches.create(client.files.create(chat_lines(2)), CHAT, idempotency_key=f"k{n}")
            for n in range(4)
        ]
        for one in made:
            told(client.batches.wait(one))


def closes_nothing(url: str, ledger: str) -> None:
    client = Client("openai", **options(url, ledger))
    kept = [client.batches.create(client.files.create(chat_lines(1)), CHAT)]
    pages = iter(client.batches.list())
    kept.append(next(pages))
    print("unclosed", flush=True)  # noqa: T201 - read by the test
    sys.modules["unclosed"] = (client, pages, kept)  # type: ignore[assignment]  # held to the end


def closes_nothing_async(url: str, ledger: str) -> None:
    client = AsyncClient("openai", **options(url, ledger))

    async def main() -> None:
        await client.batches.create(await client.files.create(chat_lines(1)), CHAT)

    asyncio.run(main())
    asyncio.run(main())
    print("unclosed", flush=True)  # noqa: T201 - read by the test


if __name__ == "__main__":
    # a shell starts what it runs in the background with interrupts ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    name, url, ledger = sys.argv[1:]
    globals()[name](url, ledger)
