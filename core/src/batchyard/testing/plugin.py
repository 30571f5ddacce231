"""A pytest plugin: fixtures to test a batch pipeline with, and a report of the suites.

It is not loaded by itself.  Name it in ``conftest.py``::

    pytest_plugins = ["batchyard.testing.plugin"]

or by ``pytest -p batchyard.testing.plugin``.  ``--batchyard-report FILE`` writes what
came of the tests as JSON.  Needs ``batchyard[testing]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from batchyard.testing._clock import ManualClock
from batchyard.testing._emulated import Emulated
from batchyard.testing._report import Report
from batchyard.testing._served import GatewayServer

__all__ = [
    "batchyard_gateway",
    "emulator",
    "fast_clock",
    "pytest_addoption",
    "pytest_configure",
    "pytest_unconfigure",
]

_REPORT = pytest.StashKey[tuple[Report, Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("batchyard")
    group.addoption(
        "--batchyard-report", metavar="FILE", help="Write what came of the suites, as JSON."
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--batchyard-report")
    # with pytest-xdist, the process that hears of all tests writes
    if path and not hasattr(config, "workerinput"):
        report = Report()
        config.stash[_REPORT] = report, Path(path)
        config.pluginmanager.register(report, "batchyard-report")


def pytest_unconfigure(config: pytest.Config) -> None:
    kept = config.stash.get(_REPORT, None)
    if kept is not None:
        report, path = kept
        report.write(path)


@pytest.fixture
def fast_clock() -> ManualClock:
    """A clock that moves when it is told to, or when somebody sleeps by it: nobody waits."""
    return ManualClock()


@pytest.fixture
def emulator(fast_clock: ManualClock) -> Iterator[Callable[..., Emulated]]:
    """``emulator("openai")``: the emulator of an installed provider, serving on ``fast_clock``.

    Options are those of its constructor.  It is closed, with its clients, after the test.
    """
    with ExitStack() as scope:

        def served(name: str, **options: Any) -> Emulated:
            return scope.enter_context(Emulated(name, fast_clock, **options))

        yield served


@pytest.fixture
def batchyard_gateway(
    emulator: Callable[..., Emulated], tmp_path: Path
) -> Iterator[Callable[..., GatewayServer]]:
    """``batchyard_gateway("openai")``: a gateway over emulators, with an empty ledger.

    Give names of providers, or emulators that are served already; *settings* are the gateway's.
    """
    with ExitStack() as scope:

        def served(first: str | Emulated, *more: str | Emulated, **settings: Any) -> GatewayServer:
            emulators = [emulator(one) if isinstance(one, str) else one for one in (first, *more)]
            folder = tmp_path / f"gateway-{len(list(tmp_path.glob('gateway-*')))}"
            folder.mkdir()
            return scope.enter_context(GatewayServer(folder, emulators, **settings))

        yield served
