from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import ClassVar, TypedDict

from starlette.types import ASGIApp

from batchyard.emulators._clock import Clock, SystemClock
from batchyard.emulators._edge import Conditions, Edge
from batchyard.emulators._faults import Faults
from batchyard.emulators._quirks import Quirk, Quirks
from batchyard.emulators._requests import RequestLog
from batchyard.emulators._server import Server, run
from batchyard.emulators._store import FileStore
from batchyard.emulators._trial import Trial

LOOPBACK = "127.0.0.1"


class EmulatorOptions(TypedDict, total=False):
    """What every emulator's constructor takes, for subclasses to pass on."""

    clock: Clock
    time_scale: float
    seed: int
    quirks: Iterable[str]
    latency: float


class Emulator(ABC):
    """A provider's service, over real HTTP, in this process.

    `time_scale` multiplies the service's real timings: the default ends a batch of some hundred
    lines within about two seconds, 1 takes as long as the service does. Windows and expiries
    follow the clock and are not scaled. `latency` is awaited, in seconds, before every request.
    The same `seed` and requests give the same answers.
    """

    name: ClassVar[str]
    known_quirks: ClassVar[tuple[Quirk, ...]] = ()
    provider: ClassVar[str | None] = None
    """The provider whose accounts it serves, where that is not called as the emulator is."""
    trial: ClassVar[Trial | None] = None
    """What the end-to-end suite and `batchyard conformance` send; neither runs without one."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        time_scale: float = 0.02,
        seed: int = 0,
        quirks: Iterable[str] = (),
        latency: float = 0.001,
    ) -> None:
        if time_scale < 0 or latency < 0:
            raise ValueError("time_scale and latency cannot be negative")
        self.clock = clock or SystemClock()
        self.time_scale = time_scale
        self.seed = seed
        self.quirks = Quirks(self.known_quirks, quirks)
        self.latency = latency
        self.faults = Faults()
        self.requests = RequestLog()
        self.store = FileStore()

    @abstractmethod
    def environment(self, url: str) -> dict[str, str]:
        """Environment variables that point the provider's default account at `url`."""

    @abstractmethod
    def error_document(self, status: int, message: str) -> object:
        """The provider's JSON error body, for injected faults."""

    @abstractmethod
    def service(self) -> ASGIApp:
        """The provider's application, before faults and latency."""

    @cached_property
    def app(self) -> ASGIApp:
        """The whole emulator as an ASGI application."""
        conditions = Conditions(
            self.clock, self.faults, self.requests, self.latency, self.error_document
        )
        return Edge(self.service(), conditions)

    def serve(self, port: int = 0, host: str = LOOPBACK) -> Server:
        """A server to enter as a context: it runs in a background thread, at `server.url`."""
        return Server(self.app, host, port)

    def run(self, port: int, host: str = LOOPBACK, announce: Callable[[str], None] = print) -> None:
        """Serve in the foreground until interrupted; `announce` is called with the URL."""
        run(self.app, host, port, announce)

    def close(self) -> None:
        """Remove stored bodies now, rather than when the process ends."""
        self.store.close()
