"""How often the ledger is asked for keys, by many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchyard.config import LedgerSettings
from batchyard.errors import LedgerUnavailableError
from batchyard.gateway._keyring import Keyring
from batchyard.ledger import KeyOrder, Ledger, Setup
from batchyard.ledger.keys import KeyRecord
from batchyard.registry import Registry
from batchyard.testing import ManualClock

pytestmark = pytest.mark.anyio


class Slow(Ledger):
    """One that answers when it is let.  ``looks`` counts what it was asked."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.looks = 0
        self.away = False
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def key_of_secret(self, secret: str) -> KeyRecord | None:
        found = await super().key_of_secret(secret)
        await self._wait()
        return found

    async def keys_exist(self) -> bool:
        found = await super().keys_exist()
        await self._wait()
        return found

    async def _wait(self) -> None:
        self.looks += 1
        self.asked.set()
        await self.let.wait()
        if self.away:
            raise LedgerUnavailableError("away")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def ledger(anyio_backend: str, sqlite_url: str) -> AsyncIterator[Slow]:  # noqa: ARG001 - or anyio would not run this fixture
    setup = Setup(registry=Registry({}), clock=ManualClock())
    async with Slow(LedgerSettings(url=sqlite_url), setup) as opened:
        yield opened


async def asked(ledger: Slow, *questions: Any) -> list[asyncio.Task[Any]]:
    """All of them on their way, with the ledger at what it was asked first."""
    tasks = [asyncio.create_task(one) for one in questions]
    await ledger.asked.wait()
    return tasks


async def test_requests_that_come_at_once_share_a_look(ledger: Slow) -> None:
    made = await ledger.create_key(KeyOrder("one"))
    keyring = Keyring(ledger)
    waiting = await asked(ledger, *(keyring.find(made.secret or "") for _ in range(50)))
    ledger.let.set()
    assert {one.id for one in await asyncio.gather(*waiting)} == {made.id}
    assert ledger.looks == 1
    assert await keyring.any()
    await asyncio.gather(*(keyring.any() for _ in range(50)))
    assert ledger.looks == 2


async def test_who_hangs_up_ends_no_look_of_another(ledger: Slow) -> None:
    keyring = Keyring(ledger)
    first, second = await asked(ledger, keyring.any(), keyring.any())
    first.cancel()
    ledger.let.set()
    assert await second is False
    assert ledger.looks == 1


async def test_what_is_looked_up_while_a_key_changes_does_not_count(ledger: Slow) -> None:
    keyring = Keyring(ledger)
    (old,) = await asked(ledger, keyring.any())
    await ledger.create_key(KeyOrder("one"))
    keyring.forget()
    ledger.let.set()
    assert await keyring.any() is True
    assert await old is False
    assert await keyring.any() is True


async def test_a_look_that_failed_is_not_remembered(ledger: Slow) -> None:
    keyring = Keyring(ledger)
    ledger.away = True
    waiting = await asked(ledger, keyring.any(), keyring.any())
    ledger.let.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in ended] == [LedgerUnavailableError] * 2
    ledger.away = False
    assert await keyring.any() is False
