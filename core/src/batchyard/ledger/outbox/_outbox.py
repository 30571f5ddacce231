"""Delivering what waits: claim, deliver, write down what became of it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from batchyard.effects import Clock
from batchyard.errors import BatchyardError, LedgerUnavailableError
from batchyard.events import from_json
from batchyard.ledger.database import Database
from batchyard.ledger.outbox._claims import (
    Claim,
    Failure,
    Scope,
    acknowledge,
    claim,
    due_at,
    give_back,
    put_off,
)
from batchyard.models import Event

__all__ = ["ATTEMPTS", "Deliverer", "Outbox"]

log = logging.getLogger("batchyard.outbox")

ATTEMPTS = 12
"""Failures after which an event is given up for a subscription: about half a day of them."""

AT_ONCE = 16
"""Deliveries to one subscription that are under way at a time."""

LOOK = 2.0
"""Seconds between looks for what other processes have written down."""


class Deliverer(Protocol):
    """A sink: see :class:`batchyard.registry.Sink`."""

    @property
    def deadline(self) -> float: ...

    async def deliver(self, event: Event) -> None: ...


class Outbox:
    """Delivers to *sinks*, by the names of their subscriptions.

    Each event at least once, those of a batch in their order: while one of them
    cannot be delivered the later ones of the same batch wait, and nothing else
    does.  After *attempts* failures it is dead, and they go on.  Any number of
    processes may do this at once.
    """

    def __init__(
        self,
        db: Database,
        sinks: Mapping[str, Deliverer],
        clock: Clock | None = None,
        *,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._db = db
        self._sinks = dict(sinks)
        self._clock = clock or db.clock
        self._attempts = attempts
        self._woken = {name: asyncio.Event() for name in sinks}

    async def step(self, limit: int = 100, *, subjects: Collection[str] | None = None) -> int:
        """One round to every subscription: claim up to *limit* each; how many were delivered.

        *subjects* are the batches and files that it is about; by default, all.
        """
        rounds = (self._round(scope, limit) for scope in self._scopes(subjects))
        return sum(await asyncio.gather(*rounds))

    async def next_due(self, *, subjects: Collection[str] | None = None) -> float | None:
        """When :meth:`step` has something to do: Unix seconds, perhaps past.

        ``None`` where nothing waits.
        """
        found = []
        async with self._db.reading() as connection:
            for scope in self._scopes(subjects):
                found.append(await due_at(connection, scope))  # noqa: PERF401 - one connection
        return min((one for one in found if one is not None), default=None)

    async def flush(
        self, seconds: float = 10.0, *, subjects: Collection[str] | None = None
    ) -> bool:
        """Deliver what waits, for *seconds* at most; whether nothing waits any more."""
        until = self._clock.now() + seconds
        while (due := await self.next_due(subjects=subjects)) is not None:
            pause = due - self._clock.now()
            if due > until:
                return False
            if pause > 0:
                await self._clock.sleep_async(pause)
            await self.step(subjects=subjects)
            if self._clock.now() >= until:
                return await self.next_due(subjects=subjects) is None
        return True

    async def serve(self, limit: int = 100) -> None:
        """Deliver until cancelled.  A subscription whose sink is slow delays no other."""
        async with asyncio.TaskGroup() as group:
            for scope in self._scopes(None):
                group.create_task(self._serve(scope, limit))

    def wake(self) -> None:
        """Have :meth:`serve` look at once: something was written down in this process."""
        for event in self._woken.values():
            event.set()

    def _scopes(self, subjects: Collection[str] | None) -> Iterable[Scope]:
        of = None if subjects is None else tuple(subjects)
        return [Scope(name, of) for name in self._sinks]

    async def _serve(self, scope: Scope, limit: int) -> None:
        woken = self._woken[scope.subscription]
        while True:
            woken.clear()
            try:
                delivered = await self._round(scope, limit)
            except LedgerUnavailableError as error:
                log.warning("events for %s wait: %s", scope.subscription, error)
                delivered = 0
            if delivered:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await woken.wait()

    async def _round(self, scope: Scope, limit: int) -> int:
        sink = self._sinks[scope.subscription]
        lease = 30.0 + sink.deadline * math.ceil(limit / AT_ONCE)
        claims = await claim(self._db, scope, limit, lease)
        turn = asyncio.Semaphore(AT_ONCE)
        tasks = {asyncio.create_task(_deliver(sink, one, turn)): one for one in claims}
        delivered = 0
        try:
            while tasks:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                delivered += await self._settle([(tasks[one], one.result()) for one in done])
                for one in done:
                    del tasks[one]
        finally:
            if tasks:
                await self._abandon(tasks)
        return delivered

    async def _settle(self, results: list[tuple[Claim, str | None]]) -> int:
        """Write down how these went; how many were delivered."""
        good = [claim for claim, error in results if error is None]
        bad = [Failure(claim, error) for claim, error in results if error is not None]
        if good:
            await acknowledge(self._db, good)
        if bad:
            for one in await put_off(self._db, bad, self._attempts):
                log.error(
                    "an event of %s for %s is given up: %s",
                    one.claim.subject,
                    one.claim.subscription,
                    one.error,
                )
        return len(good)

    async def _abandon(self, tasks: Mapping[asyncio.Task[str | None], Claim]) -> None:
        """Stop what is under way, and let others have it at once."""
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await give_back(self._db, list(tasks.values()))


async def _deliver(sink: Deliverer, claimed: Claim, turn: asyncio.Semaphore) -> str | None:
    """Deliver one event; what went wrong, or ``None``."""
    async with turn:
        try:
            await sink.deliver(from_json(claimed.body))
        except BatchyardError as error:
            return str(error)
    return None
