"""The collector that reads the ledger when it is scraped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import TimeoutError as TimedOut
from typing import Literal

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from batchyard.ledger.database import Database
from batchyard.ledger.outbox import backlog
from batchyard.ledger.query import standing, usage
from batchyard_prometheus._families import of_backlog, of_standing, of_usage

__all__ = ["LedgerCollector"]

log = logging.getLogger("batchyard.prometheus")

BY: tuple[Literal["account", "model", "team"], ...] = ("account", "model", "team")


class LedgerCollector(Collector):
    """Right however many processes work on the ledger, for it keeps no figures of its own.

    *db* is an open database, *loop* the running event loop that it belongs to;
    ``collect`` may be called by any other thread.  *fresh* is for how many
    seconds figures are shown again, so that nobody's scrapes are too many for
    the database; *most* bounds the values of a label.  Where the ledger cannot
    be read, ``batchyard_ledger_up`` is 0 and its figures are missing.
    """

    def __init__(
        self,
        db: Database,
        loop: asyncio.AbstractEventLoop,
        *,
        fresh: float = 5.0,
        most: int = 100,
        timeout: float = 8.0,
    ) -> None:
        self._db = db
        self._loop = loop
        self._fresh = fresh
        self._most = most
        self._timeout = timeout
        self._reading = threading.Lock()
        self._read: tuple[float, list[Metric]] | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register it must not read the ledger."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._reading:
            now = self._db.clock.now()
            if self._read is None or not 0 <= now - self._read[0] < self._fresh:
                self._read = now, self._figures()
            return self._read[1]

    def _figures(self) -> list[Metric]:
        up = GaugeMetricFamily("batchyard_ledger_up", "Whether the ledger can be read.")
        future = asyncio.run_coroutine_threadsafe(self._families(), self._loop)
        try:
            found = future.result(self._timeout)
        except Exception as error:  # noqa: BLE001 - whatever a database raises, what else is scraped is shown
            future.cancel()
            said = "it took too long" if isinstance(error, TimedOut) else type(error).__name__
            # a driver's text may quote the address
            log.warning("the ledger cannot be read: %s", said)
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        return [up, *found]

    async def _families(self) -> list[Metric]:
        found = [*of_standing(await standing(self._db)), *of_backlog(await backlog(self._db))]
        for by in BY:
            found += of_usage(by, await usage(self._db, by), self._most)
        return found
