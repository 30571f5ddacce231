"""One face for both drivers, so that a behaviour is tested in both colours by one test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import pytest

from batchyard.drivers import AsyncDriver, Driver, Transport
from batchyard.effects import Clock, Plan, Stream
from batchyard.hookspecs import hookimpl
from batchyard.models import Limits
from batchyard.registry import Account

T = TypeVar("T")

PLAIN = Transport(verify=False)
"""For sites without TLS: reading the list of authorities takes longer than most tests."""


class Acme:
    """A provider with the least that makes one."""

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        del endpoint, model
        return Limits()


def account(**options: Any) -> Account:
    return Account("acme-eu", "acme", Acme(), **options)


class Face(Protocol):
    """A driver of either colour."""

    colour: str

    def run(self, plan: Plan[T]) -> T: ...

    def stream(self, stream: Stream[T]) -> Iterator[T]: ...

    def together(self, plans: Sequence[Plan[T]]) -> list[T | BaseException]:
        """Run all at once; what each ends with, or raises."""
        ...

    def close(self) -> None:
        """Close the driver's connections."""
        ...

    def end(self) -> None: ...


class Blocking:
    colour = "sync"

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def run(self, plan: Plan[T]) -> T:
        return self.driver.run(plan)

    def stream(self, stream: Stream[T]) -> Iterator[T]:
        return self.driver.stream(stream)

    def together(self, plans: Sequence[Plan[T]]) -> list[T | BaseException]:
        with ThreadPoolExecutor(len(plans)) as pool:
            futures = [pool.submit(self.driver.run, plan) for plan in plans]
            return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        self.driver.close()

    def end(self) -> None:
        self.close()


class Awaiting:
    """Runs everything on one loop, so that connections last from one call to the next."""

    colour = "async"

    def __init__(self, driver: AsyncDriver) -> None:
        self.driver = driver
        self.runner = asyncio.Runner()

    def run(self, plan: Plan[T]) -> T:
        return self.runner.run(self.driver.run(plan))

    def stream(self, stream: Stream[T]) -> Iterator[T]:
        items = self.driver.stream(stream)

        async def following() -> list[T]:
            return [item async for item in _one(items)]

        async def closing() -> None:
            await items.aclose()  # type: ignore[attr-defined]  # it is a generator

        try:
            while found := self.runner.run(following()):
                yield found[0]
        finally:
            self.runner.run(closing())

    def together(self, plans: Sequence[Plan[T]]) -> list[T | BaseException]:
        async def gathered() -> list[T | BaseException]:
            running = (self.driver.run(plan) for plan in plans)
            return await asyncio.gather(*running, return_exceptions=True)

        return self.runner.run(gathered())

    def close(self) -> None:
        self.runner.run(self.driver.close())

    def end(self) -> None:
        self.close()
        self.runner.close()


async def _one(items: Any) -> Any:
    try:
        yield await anext(items)
    except StopAsyncIteration:
        return


class OpenFace(Protocol):
    def __call__(
        self,
        transport: Transport | None = None,
        clock: Clock | None = None,
        of: Account | None = None,
    ) -> Face: ...


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def open_face(colour: str) -> Iterator[OpenFace]:
    """Make drivers of the test's colour; they are closed at its end."""
    opened: list[Face] = []

    def make(
        transport: Transport | None = None,
        clock: Clock | None = None,
        of: Account | None = None,
    ) -> Face:
        owner = of or account()
        face: Face
        if colour == "sync":
            face = Blocking(Driver(owner, transport, clock))
        else:
            face = Awaiting(AsyncDriver(owner, transport, clock))
        opened.append(face)
        return face

    yield make
    for face in opened:
        face.end()


@pytest.fixture
def face(open_face: OpenFace) -> Face:
    return open_face(PLAIN)
