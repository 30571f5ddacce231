"""Plans and streams, run in either colour, of a provider that says what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import aclosing
from typing import Any

from batchyard.drivers import AsyncDriver, Driver
from batchyard.effects import Now, Plan, Sleep, Stream
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, Call, Ref
from batchyard.registry import Account
from batchyard.testing import ManualClock

CALL = Call("acme")
BATCH = Ref("batch-1")
WRAPPER = hookimpl(wrapper=True)
Wrapping = Generator[None, Any, Any]


class Runs:
    """Runs plans and streams in one colour."""

    def __init__(self, colour: str) -> None:
        self.colour = colour

    def plan(self, account: Account, make: Callable[[], Plan[Any]]) -> Any:
        if self.colour == "sync":
            return Driver(account, clock=ManualClock()).run(make())

        async def main() -> Any:
            return await AsyncDriver(account, clock=ManualClock()).run(make())

        return asyncio.run(main())

    def stream(
        self, account: Account, make: Callable[[], Stream[bytes]], most: int = 99
    ) -> list[bytes]:
        """The first pieces; then the stream is closed."""
        got: list[bytes] = []
        if self.colour == "sync":
            pieces: Any = Driver(account, clock=ManualClock()).stream(make())
            for piece in pieces:
                got.append(piece)
                if len(got) == most:
                    break
            pieces.close()
            return got

        async def main() -> None:
            stream: Any = AsyncDriver(account, clock=ManualClock()).stream(make())
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    got.append(piece)
                    if len(got) == most:
                        break

        asyncio.run(main())
        return got


class Provider:
    """Says what it did."""

    def __init__(self, error: Exception | None = None) -> None:
        self.acts: list[str] = []
        self.error = error

    @hookimpl
    async def retrieve_batch(self, batch: Ref) -> Batch:
        self.acts.append("begins")
        await Sleep(1)
        if self.error is not None:
            raise self.error
        self.acts.append("ends")
        return Batch(id=batch.id, status="completed")

    @hookimpl
    async def file_content(self) -> Stream[bytes]:
        try:
            for piece in (b"one", b"two", b"three"):
                await Now()
                yield piece
                if self.error is not None:
                    raise self.error
        finally:
            self.acts.append("closed")


def account(provider: object, *middleware: object) -> Account:
    """An account with the middleware in the order of configuration."""
    named = {f"m{number}": one for number, one in enumerate(middleware)}
    return Account("acme", "acme", provider, middleware=named)
