"""A provider's emulator that is served, and clients and gateways for it, on one clock."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from batchyard.client import AsyncClient, Client
from batchyard.drivers import Transport
from batchyard.registry import LIMIT, Registry
from batchyard.testing._clock import ManualClock

if TYPE_CHECKING:
    from batchyard.emulators import Emulator, Faults, Quirks, RequestLog

__all__ = ["PLAIN", "Emulated", "emulator_class", "new_ledger"]

PLAIN = Transport(verify=False)
"""Nothing is encrypted here, and loading the certificates takes longer than a test."""


class Emulated:
    """The emulator called *name*, of the provider of that name or another, serving while entered.

    *options* are those of its constructor.  ``url`` is its address, ``clock`` the
    clock that it shares with the clients made here, ``environment`` what points
    this provider's account, and the vendor's own SDK, at it.
    """

    def __init__(self, name: str, clock: ManualClock | None = None, **options: Any) -> None:
        cls = emulator_class(name)
        self.name = cls.provider or name
        self.clock = clock or ManualClock()
        self.emulator = cls(clock=self.clock, **options)
        self.url = ""
        self.environment: Mapping[str, str] = {}
        self._scope = ExitStack()
        self._registry: Registry | None = None

    def __enter__(self) -> Self:
        self._scope.callback(self.emulator.close)
        self.url = self._scope.enter_context(self.emulator.serve()).url
        self.environment = self.emulator.environment(self.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scope.close()

    @property
    def faults(self) -> Faults:
        return self.emulator.faults

    @property
    def quirks(self) -> Quirks:
        return self.emulator.quirks

    @property
    def requests(self) -> RequestLog:
        return self.emulator.requests

    def client(self, **options: Any) -> Client:
        """A blocking client: direct, or tracked with ``ledger``.  It is closed with this."""
        return self._scope.enter_context(Client(self.name, **self._given(options)))

    def async_client(self, **options: Any) -> AsyncClient:
        """An async client, which whoever asks for it closes."""
        return AsyncClient(self.name, **self._given(options))

    def registry(self) -> Registry:
        """The provider alone, and no account but that of the emulator."""
        # to read what is installed takes longer than a small batch
        if self._registry is None:
            self._registry = Registry({**self.environment, LIMIT: self.name})
        return self._registry

    def _given(self, options: Mapping[str, Any]) -> dict[str, Any]:
        own = {
            "clock": self.clock,
            "registry": self.registry(),
            "transport": PLAIN,
            # whatever configuration there is on this machine is not the test's
            "config_file": os.devnull,
            "ledger": False,
        }
        return {**own, **options}


@cache
def emulator_class(name: str) -> type[Emulator]:
    """The emulator of an installed provider."""
    found: type[Emulator] = Registry({}).load("emulators", name)
    return found


def new_ledger(folder: Path) -> Path:
    """An empty ledger in *folder*, with its tables: to make them takes longer than a test."""
    path = folder / "ledger.db"
    if not path.exists():
        shutil.copy(_template(), path)
    return path


@cache
def _template() -> Path:
    from batchyard.ledger.database import Database  # noqa: PLC0415 - only where a ledger is wanted

    folder = tempfile.mkdtemp(prefix="batchyard-testing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "template.db")

    async def made() -> None:
        async with Database(str(path)):
            pass

    asyncio.run(made())
    return path
