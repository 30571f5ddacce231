from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batchyard.testing import ManualClock
from batchyard_azure.emulator import ALL_QUIRKS, AzureEmulator
from tests.azure.service import DEPLOYMENTS, KEY, Service
from tests.ledger.conftest import sqlite_template

__all__ = ["sqlite_template"]

# who has no ledger is told of a full queue, and nothing is sent again
DIRECT_QUIRKS = (ALL_QUIRKS, "queue-full=0")


USUAL = ({"colour": "sync", "quirks": DIRECT_QUIRKS}, {"colour": "async", "quirks": ()})
"""In `make test` each colour and each service are there once: neither changes the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        given = getattr(item, "callspec", None)
        here = item.path.parent == Path(__file__).parent
        if given is None or not here or getattr(item, "cls", None) is not None:
            continue
        chosen = {name: given.params.get(name) for name in ("colour", "quirks")}
        if (
            None not in chosen.values()
            and chosen not in USUAL
            and getattr(item, "cls", None) is None
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture(params=[(), DIRECT_QUIRKS], ids=["no-quirks", "all-quirks"])
def quirks(request: pytest.FixtureRequest) -> tuple[str, ...]:
    value: tuple[str, ...] = request.param
    return value


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(colour: str, quirks: tuple[str, ...], clock: ManualClock) -> Iterator[Service]:
    emulator = AzureEmulator(clock=clock, keys=[KEY], deployments=DEPLOYMENTS, quirks=quirks)
    with closing(emulator), emulator.serve() as server:
        yield Service(colour, emulator, server.url, clock)
