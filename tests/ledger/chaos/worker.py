"""A worker's process, which follows a ledger until it is killed."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from batchyard.config import LedgerSettings
from batchyard.drivers import Transport
from batchyard.events.jsonl import JsonlSink
from batchyard.ledger import Ledger, Setup
from batchyard.ledger.tracker import _polling
from batchyard.registry import Registry
from tests.ledger.chaos.clock import FastClock

__all__ = ["Ground", "work"]


@dataclass(frozen=True)
class Ground:
    """What all processes share.  ``speed`` is how fast their time passes."""

    url: str
    folder: Path
    engine: str
    environ: dict[str, str]
    speed: float
    origin: float

    @property
    def clock(self) -> FastClock:
        return FastClock(self.speed, self.origin)

    @property
    def events(self) -> Path:
        """Where the sink writes."""
        return self.folder / "events.jsonl"

    def ledger(self) -> Ledger:
        settings = LedgerSettings(
            url=self.url, store=self.folder / "store", engine=self.engine, migrate=False
        )
        if self.engine != "local":
            # the queue's own tables are made by the first who opens it
            settings = settings.model_copy(update={"migrate": True})
        setup = Setup(
            registry=Registry(self.environ),
            clock=self.clock,
            # nothing is encrypted here, and loading certificates takes longer than a batch
            transport=Transport(verify=False),
            sinks={"events": JsonlSink(JsonlSink.Settings(path=self.events))},
        )
        return Ledger(settings, setup)


def work(ground: Ground) -> None:
    """Follow until killed."""
    # a sweep takes no longer where time is fast; the account of the dead is free sooner
    _polling.LEASE = 30.0
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(filename=ground.folder / "workers.log", level=logging.WARNING)
    asyncio.run(_work(ground))


def _end_with_parent() -> None:
    """A trial that is broken off leaves no workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


async def _work(ground: Ground) -> None:
    async with ground.ledger() as ledger:
        await ledger.tracker.run()
