"""The engine: ids become Procrastinate's jobs, and a worker in ``serve`` runs them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job

from batchyard.errors import ConfigError
from batchyard.hookspecs import EngineContext, hookimpl
from batchyard_procrastinate._patience import Patience
from batchyard_procrastinate._schema import address, apply_schema, is_applied
from batchyard_procrastinate._stalled import reschedule

__all__ = ["Procrastinate"]

log = logging.getLogger("batchyard_procrastinate")

QUEUE = "batchyard"

TASK = "batchyard.advance"

CHUNK = 500
"""Ids that one statement queues."""

Advance = Callable[[str], Awaitable[None]]


class Procrastinate:
    """Queues ids in the ledger's own Postgres; whoever serves advances them.

    An id waits in the queue once, however often it is dispatched, and may be
    queued again while it is advanced.  One process never advances an id twice at
    a time; two may, since that is for the ledger's lease to prevent.  Jobs are
    deleted when they have ended: the ledger keeps the record.
    """

    contract: ClassVar[str] = ">=1.1,<2"

    def __init__(self, context: EngineContext, patience: Patience | None = None) -> None:
        self._context = context
        self._patience = patience or Patience()
        self._advance: Advance | None = None
        # what is advanced here just now, and whether it is to be once more
        self._running: dict[str, bool] = {}
        self._opening = asyncio.Lock()
        self._open = False
        connector = PsycopgConnector(
            conninfo=address(context.url), min_size=1, max_size=10, timeout=self._patience.connect
        )
        self._app = App(connector=connector)
        # only a worker that ends raises here (see _run): then another one takes over
        self._app.task(name=TASK, queue=QUEUE, retry=True)(self._run)

    @hookimpl
    async def dispatch(self, ids: Sequence[str], advance: Advance) -> None:
        """Queue them.  ``advance`` is not called here, but where the engine is served."""
        await self._opened()
        # in one order everywhere, so that two that queue the same ids do not block each other
        queued = sorted(set(ids))
        for start in range(0, len(queued), CHUNK):
            await self._defer(queued[start : start + CHUNK])

    @hookimpl
    async def serve(self, advance: Advance) -> None:
        self._advance = advance
        while True:
            try:
                await self._opened()
                async with self._rescheduling():
                    await self._work()
            except (ConnectorException, psycopg.Error) as error:
                # its text may quote the address
                log.warning("the queue cannot be reached: %s", type(error).__name__)
            # Procrastinate's worker ends when it loses the connection on which it listens
            await asyncio.sleep(self._patience.outage)

    @hookimpl
    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._app.close_async()

    async def _opened(self) -> None:
        async with self._opening:
            if self._open:
                return
            if self._context.migrate:
                await apply_schema(self._context.url)
            elif not await is_applied(self._context.url):
                raise ConfigError(
                    "the database lacks Procrastinate's tables: run batchyard procrastinate apply"
                )
            try:
                await self._app.open_async()
            except BaseException:
                # else it would pass for open the next time
                await self._app.close_async()
                raise
            self._open = True

    async def _defer(self, ids: Sequence[str]) -> None:
        jobs = [_job(name) for name in ids]
        try:
            await self._app.job_manager.batch_defer_jobs_async(jobs)
        except AlreadyEnqueued:
            # one that waits already has the statement fail as a whole
            half = len(ids) // 2
            if half:
                await self._defer(ids[:half])
                await self._defer(ids[half:])

    async def _run(self, name: str) -> None:
        """Advance an id; where that is under way here already, have it done once more after."""
        if name in self._running:
            self._running[name] = True
            return
        self._running[name] = True
        try:
            while self._running[name]:
                self._running[name] = False
                await self._advanced(name)
        finally:
            del self._running[name]

    async def _advanced(self, name: str) -> None:
        assert self._advance is not None  # noqa: S101 - jobs run in serve only, which sets it
        try:
            await self._advance(name)
        except Exception:
            # whatever it was, the others are to go on; the ledger knows that this one is due.
            # A retry of Procrastinate's would keep later dispatches out of the queue until then
            log.exception("%s could not be advanced", name)

    async def _work(self) -> None:
        await self._app.run_worker_async(
            queues=[QUEUE],
            name=self._context.name,
            concurrency=self._context.concurrency,
            fetch_job_polling_interval=self._patience.poll,
            shutdown_graceful_timeout=self._patience.shutdown,
            update_heartbeat_interval=self._patience.heartbeat,
            stalled_worker_timeout=self._patience.stalled_after,
            delete_jobs="always",
            install_signal_handlers=False,
        )

    @asynccontextmanager
    async def _rescheduling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._reschedule())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _reschedule(self) -> None:
        while True:
            try:
                await reschedule(self._app.job_manager, QUEUE, self._patience.stalled_after)
            except ConnectorException as error:
                log.warning("stalled jobs cannot be looked for: %s", type(error).__name__)
            await asyncio.sleep(self._patience.look)


def _job(name: str) -> Job:
    return Job(
        id=None,
        queue=QUEUE,
        lock=None,
        queueing_lock=f"{QUEUE}:{name}",
        task_name=TASK,
        task_kwargs={"name": name},
    )
