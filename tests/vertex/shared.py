"""One emulator for all tests of a module: starting a server takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batchyard.testing import ManualClock
from batchyard_vertex.emulator import VertexEmulator
from tests.vertex.conftest import Service

__all__ = ["as_new", "running"]


@contextmanager
def running() -> Iterator[Service]:
    clock = ManualClock()
    emulator = VertexEmulator(clock=clock)
    with emulator.serve() as server:
        yield Service("sync", emulator, server.url, clock)


def as_new(service: Service, *quirks: str) -> Service:
    """The same, with these quirks, without faults, and with all rights."""
    emulator = service.emulator
    for quirk in emulator.known_quirks:
        emulator.quirks.disable(quirk.name)
    for text in quirks:
        emulator.quirks.enable(text)
    emulator.faults.clear()
    emulator.requests.clear()
    emulator.access.allow(*emulator.access.denied)
    return service
