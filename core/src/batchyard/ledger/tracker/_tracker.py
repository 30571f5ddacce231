"""The loop that follows everything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, Table, func, select

from batchyard.errors import BatchyardError
from batchyard.ledger.database import release_lease, take_lease
from batchyard.ledger.due import accounts_due
from batchyard.ledger.jobs import stalled
from batchyard.ledger.outbox import Outbox
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.states import OPEN, UNSENT
from batchyard.ledger.tables import batches, jobs
from batchyard.ledger.tidying import tidy
from batchyard.ledger.tracker._advancing import advance
from batchyard.ledger.tracker._following import DUTIES, follower_lease
from batchyard.ledger.tracker._polling import poll
from batchyard.registry import Engine

__all__ = ["Tracker"]

log = logging.getLogger("batchyard.ledger")

IDLE = 1.0
"""Seconds between two looks at the ledger while nothing is due."""

BUSY = 0.05
"""The same while there is work, and an engine here does it."""

SHARED = 0.5
"""The same while there is work that others may be doing."""

DISPATCHED = 200
"""Batches handed to the engine at a time."""

ALIVE = 30.0
"""Seconds for which a worker says that it lives."""

REST = 30.0
"""Seconds for which a batch is left alone that could not be advanced for no reason of its own."""

CLEAN_EVERY = 300.0

Errand: TypeAlias = Callable[[], Coroutine[object, object, int]]
"""Something that may take long; how much it has done."""

TIDY_EVERY = 5.0
"""Seconds between two looks for files to delete, when there were none."""

STALLS_EVERY = 60.0
"""Seconds between two looks for jobs that take too long: it is a look at all of them."""

SLACK = 3600.0
"""Seconds beyond a provider's own deadline before a job counts as stalled."""


@dataclass(frozen=True, slots=True)
class Pending:
    """For how many seconds what is due has not been done, and why, if that is known."""

    late: float = 0.0
    reason: str | None = None


class Tracker:
    """Finds what is due, and has it done.  Any number may run on one ledger."""

    def __init__(
        self,
        parts: Parts,
        engine: Engine,
        outbox: Outbox,
        *,
        clean: Callable[[], Awaitable[object]] | None = None,
        duties: Collection[str] = DUTIES,
    ) -> None:
        self._parts = parts
        self._engine = engine
        self._outbox = outbox
        self._clean = clean
        self._duties = frozenset(duties)
        self._cleaned = 0.0
        self._stalls_at = 0.0
        self._tidy_at = 0.0
        self._alive_until = 0.0
        self._epoch: int | None = None
        self._stopping = asyncio.Event()
        self._beside: dict[str, asyncio.Task[int]] = {}
        self._resting: dict[str, float] = {}

    async def advance(self, batch_id: str) -> None:
        """Do what is due for one batch; see :func:`batchyard.ledger.tracker.advance`.

        What goes wrong is logged, and the batch rests for a while.
        """
        try:
            await advance(self._parts, batch_id)
        except Exception:
            log.exception("batch %s could not be advanced", batch_id)
            self._resting[batch_id] = self._parts.now() + REST

    async def step(self) -> int:
        """Do all that is due now, here, and return when it is done; how much it was."""
        self._tidy_at = 0.0
        done = await self._step(self._advance_here, _at_once)
        if "deliver" in self._duties:
            done += await self._outbox.step(100)
        return done

    async def _step(
        self,
        dispatch: Callable[[list[str]], Awaitable[None]],
        run: Callable[[Mapping[str, Errand]], Awaitable[int]],
    ) -> int:
        done = 0
        if {"submit", "settle"} & self._duties:
            ids = await self._due_batches()
            if ids:
                await dispatch(ids)
            done += len(ids)
        errands: dict[str, Errand] = {"clean": self._clean_up}
        if "clean" in self._duties and self._parts.now() >= self._tidy_at:
            errands["tidy"] = self._tidy_up
        if "poll" in self._duties:
            for account in await self._due_accounts():
                errands[f"poll {account}"] = partial(self._poll, account)
            await self._tell_stalled()
        return done + await run(errands)

    def stop(self) -> None:
        """Have :meth:`run` return when it has done what it is at."""
        self._stopping.set()

    async def run(self) -> None:
        """Follow until cancelled or stopped."""
        serving = [asyncio.create_task(one) for one in self._servers()]
        try:
            while not self._stopping.is_set():
                for one in serving:
                    if one.done():
                        one.result()  # what it raised ends this too: it must not be missed
                try:
                    await self._say_alive()
                    done = await self._step(self._dispatch, self._run_beside)
                except BatchyardError as error:
                    # the database is away, or a plugin is broken: both may pass
                    log.warning("the tracker pauses: %s", error)
                    done = 0
                busy = SHARED if self._engine.serves else BUSY
                await self._parts.db.clock.sleep_async(busy if done else IDLE)
        finally:
            left: list[asyncio.Task[Any]] = [*serving, *self._beside.values()]
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self._beside.clear()
            await self._say_gone()

    async def _run_beside(self, errands: Mapping[str, Errand]) -> int:
        """Begin those that are not under way; what has been done of those begun before.

        A provider that is slow delays its own account, and neither others nor the loop.
        """
        ended = [name for name, task in self._beside.items() if task.done()]
        tasks = [self._beside.pop(name) for name in ended]
        for name in errands.keys() - self._beside.keys():
            self._beside[name] = asyncio.create_task(errands[name]())
        return sum(task.result() for task in tasks)

    async def finish(self) -> None:
        """Return when the engine has done what it is at here; it begins nothing more."""
        await self._engine.close()

    async def _dispatch(self, ids: list[str]) -> None:
        """Let the engine see to it, here or in another process."""
        await self._engine.dispatch(ids, self.advance)

    async def _advance_here(self, ids: list[str]) -> None:
        """All of them, some side by side.  One that fails stops no other, and is tried again."""
        limit = asyncio.Semaphore(self._parts.settings.concurrency)

        async def bounded(batch_id: str) -> None:
            async with limit:
                await self.advance(batch_id)

        await asyncio.gather(*(bounded(one) for one in ids))

    def _servers(self) -> list[Coroutine[object, object, None]]:
        """What runs beside the loop: deliveries, and what other processes gave the engine."""
        found = []
        if "deliver" in self._duties:
            found.append(self._outbox.serve())
        if self._engine.serves and {"submit", "settle"} & self._duties:
            found.append(self._engine.serve(self.advance))
        return found

    async def next_due(self) -> float | None:
        """When something is due next (Unix seconds), or ``None`` if nothing is."""
        unsent = select(func.min(jobs.c.next_at)).where(jobs.c.state.in_(OPEN))
        ended = select(func.min(batches.c.next_at)).where(batches.c.next_at.is_not(None))
        async with self._parts.db.reading() as connection:
            times = [
                (await connection.execute(one)).scalar_one_or_none() for one in (unsent, ended)
            ]
        times.append(await self._outbox.next_due())
        known = [one for one in times if one is not None]
        return min(known) if known else None

    async def pending(self, batch_id: str) -> Pending:
        """What the batch waits for, of what nobody is at just now."""
        now = self._parts.now()
        sent = select(jobs.c.next_at, jobs.c.reason).where(
            jobs.c.batch_id == batch_id, jobs.c.state != "ended", _free(jobs, now)
        )
        ended = select(batches.c.next_at, batches.c.reason).where(
            batches.c.id == batch_id, batches.c.phase == "ended", _free(batches, now)
        )
        found = Pending()
        async with self._parts.db.reading() as connection:
            for query in (sent, ended):
                for next_at, reason in await connection.execute(query):
                    late = 0.0 if next_at is None else max(0.0, now - next_at)
                    found = Pending(max(late, found.late), found.reason or reason)
        return found

    async def _due_batches(self) -> list[str]:
        now = self._parts.now()
        self._resting = {one: until for one, until in self._resting.items() if until > now}
        found: list[Select[str]] = []
        if "settle" in self._duties:
            # first: it takes little, and would wait behind many that a provider is slow to take
            found.append(
                select(batches.c.id)
                .where(batches.c.phase.in_(("ended", "settled")), batches.c.next_at <= now)
                .where(_free(batches, now))
                .where(batches.c.account.not_in(self._parts.accounts.absent))
                .where(batches.c.id.not_in(list(self._resting)))
                .order_by(batches.c.next_at)
                .limit(DISPATCHED)
            )
        if "submit" in self._duties:
            found.extend(await self._unsent(now))
        ids: dict[str, None] = {}
        async with self._parts.db.reading() as connection:
            for query in found:
                ids.update(dict.fromkeys((await connection.execute(query)).scalars()))
        return [one for one in ids if one not in self._resting]

    async def _unsent(self, now: float) -> list[Select[str]]:
        """Of each account as many: a provider that answers none keeps no other's waiting."""
        due = (jobs.c.state.in_(UNSENT), jobs.c.next_at <= now, _free(jobs, now))
        query = select(jobs.c.account).where(
            *due, jobs.c.account.not_in(self._parts.accounts.absent)
        )
        async with self._parts.db.reading() as connection:
            accounts = (await connection.execute(query.distinct())).scalars().all()
        of_each = max(1, DISPATCHED // max(1, len(accounts)))
        return [
            select(jobs.c.batch_id)
            .where(*due, jobs.c.account == account)
            .order_by(jobs.c.next_at)
            .limit(of_each)
            for account in accounts
        ]

    async def _due_accounts(self) -> list[str]:
        """Accounts with jobs to look at."""
        async with self._parts.db.reading() as connection:
            due = await accounts_due(connection, "tracking", self._parts.now())
        return [one for one in due if one not in self._parts.accounts.absent]

    async def _poll(self, account: str) -> int:
        try:
            return await poll(self._parts, account)
        except BatchyardError as error:
            log.warning("account %s is looked at later: %s", account, error)
            return 0
        except Exception:
            # a mistake, ours or a plugin's, which must not end the watch over other accounts
            log.exception("account %s cannot be looked at", account)
            return 0

    async def _tell_stalled(self) -> None:
        now = self._parts.now()
        if now < self._stalls_at:
            return
        self._stalls_at = now + STALLS_EVERY
        late = (
            select(jobs)
            .where(
                jobs.c.state.in_(OPEN),
                jobs.c.stalled_at.is_(None),
                jobs.c.expected_by < now - SLACK,
            )
            .limit(100)
        )
        async with self._parts.db.reading() as connection:
            rows = (await connection.execute(late)).mappings().all()
        for row in rows:
            await stalled(self._parts, JobRecord.of(row))

    async def _clean_up(self) -> int:
        now = self._parts.now()
        if self._clean is not None and "clean" in self._duties and now >= self._cleaned:
            self._cleaned = now + CLEAN_EVERY
            try:
                await self._clean()
            except (BatchyardError, OSError) as error:
                log.warning("the cleaner comes again later: %s", error)
        return 0

    async def _tidy_up(self) -> int:
        try:
            done = await tidy(self._parts)
        except BatchyardError as error:
            log.warning("files are deleted at providers later: %s", error)
            done = 0
        if not done:
            self._tidy_at = self._parts.now() + TIDY_EVERY
        return done

    async def _say_alive(self) -> None:
        now = self._parts.now()
        if now < self._alive_until - ALIVE / 2:
            return
        name = follower_lease(self._parts.holder, self._duties)
        self._epoch = await take_lease(self._parts.db, name, self._parts.holder, ALIVE)
        self._alive_until = now + ALIVE

    async def _say_gone(self) -> None:
        if self._epoch is None:
            return
        name = follower_lease(self._parts.holder, self._duties)
        try:
            await release_lease(self._parts.db, name, self._parts.holder, self._epoch)
        except BatchyardError as error:
            log.warning("this worker counts as alive for some seconds more: %s", error)


async def _at_once(errands: Mapping[str, Errand]) -> int:
    return sum(await asyncio.gather(*(errand() for errand in errands.values())))


def _free(table: Table, now: float) -> ColumnElement[bool]:
    """Of what nobody is at."""
    return table.c.lease_until.is_(None) | (table.c.lease_until <= now)
