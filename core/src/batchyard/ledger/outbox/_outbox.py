"""Delivering what waits: claim, deliver, write down what became of it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Protocol, cast

from batchyard.effects import Clock
from batchyard.errors import BatchyardError, LedgerUnavailableError
from batchyard.events import from_json, redacted
from batchyard.ledger.database import Database
from batchyard.ledger.outbox._claims import (
    Claim,
    Failure,
    Scope,
    acknowledge,
    advance,
    claim,
    due_at,
    give_back,
    put_off,
)
from batchyard.ledger.outbox._terms import NONE, Pacer, Terms
from batchyard.models import BatchEvent, Event, LineRecord

__all__ = ["ATTEMPTS", "Deliverer", "LinePart", "LineReader", "Outbox"]

log = logging.getLogger("batchyard.outbox")

ATTEMPTS = 12
"""Failures after which an event is given up for a subscription: about half a day of them."""

AT_ONCE = 16
"""Deliveries to one subscription that are under way at a time."""

PART = 60.0
"""Seconds within which the next lines of a batch have been read, and are on their way."""

LOOK = 2.0
"""Seconds between looks for what other processes have written down."""


class Deliverer(Protocol):
    """A sink: see :class:`batchyard.registry.Sink`."""

    @property
    def deadline(self) -> float: ...

    async def deliver(self, event: Event) -> None: ...


class OvertakenError(BatchyardError):
    """Another worker has claimed the delivery since."""


class LineTaker(Deliverer, Protocol):
    async def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None: ...


@dataclass(frozen=True, slots=True)
class LinePart:
    """Some lines of a batch in their order.  ``last`` is the number up to which they go."""

    lines: tuple[LineRecord, ...]
    last: int


class LineReader(Protocol):
    """Where the lines of a batch come from."""

    def parts(self, event: BatchEvent, terms: Terms, after: int) -> AsyncGenerator[LinePart, None]:
        """The lines behind the number *after* that *terms* ask for; none of an event without."""
        ...


class Outbox:
    """Delivers to *sinks*, by the names of their subscriptions.

    *terms* are those of the subscriptions that have any; one that has ``lines``
    is a sink that takes them, and gets those of *reader*.

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
        terms: Mapping[str, Terms] | None = None,
        reader: LineReader | None = None,
    ) -> None:
        self._db = db
        self._sinks = dict(sinks)
        self._clock = clock or db.clock
        self._attempts = attempts
        self._terms = {name: (terms or {}).get(name, NONE) for name in sinks}
        self._reader = reader
        self._pacers = {name: Pacer(self._terms[name].rate, self._clock) for name in sinks}
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
                due = await due_at(connection, scope)
                if due is not None:
                    pause = self._pacers[scope.subscription].wait()
                    found.append(max(due, self._clock.now() + pause) if pause else due)
        return min(found, default=None)

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
            pause = self._pacers[scope.subscription].wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause or LOOK):
                    await woken.wait()

    async def _round(self, scope: Scope, limit: int) -> int:
        sink, pacer = self._sinks[scope.subscription], self._pacers[scope.subscription]
        limit = pacer.allowed(limit)
        if not limit:
            return 0
        lease = 30.0 + sink.deadline * math.ceil(limit / AT_ONCE)
        if self._terms[scope.subscription].lines:
            # each may take as long as a batch is long, so none must wait for another
            limit = min(limit, AT_ONCE)
            lease = PART + sink.deadline + AT_ONCE * pacer.interval
        claims = await claim(self._db, scope, limit, lease)
        pacer.spend(len(claims))
        turn = asyncio.Semaphore(AT_ONCE)
        tasks = {asyncio.create_task(self._deliver(sink, one, turn)): one for one in claims}
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

    async def _settle(self, results: list[tuple[Claim, Failure | None]]) -> int:
        """Write down how these went; how many were delivered."""
        good = [claim for claim, failure in results if failure is None]
        bad = [failure for _, failure in results if failure is not None]
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

    async def _deliver(
        self, sink: Deliverer, claimed: Claim, turn: asyncio.Semaphore
    ) -> Failure | None:
        """Deliver one event, with its lines before it; what went wrong, or ``None``."""
        terms = self._terms[claimed.subscription]
        async with turn:
            try:
                event = from_json(claimed.body)
                told = redacted(event, terms.redact)
                if terms.lines and self._reader is not None and isinstance(event, BatchEvent):
                    reading = self._reader.parts(event, terms, claimed.line or 0)
                    async with aclosing(reading) as parts:
                        async for part in parts:
                            claimed = await self._deliver_part(sink, claimed, told, part)
                await sink.deliver(told)
            except (BatchyardError, OSError) as error:
                return Failure(claimed, str(error))
            except Exception as error:
                # a batch that we cannot tell of must not end the deliveries of all others
                said = f"it could not be told: {type(error).__name__}"
                log.error("an event of %s: %s", claimed.subject, said)  # noqa: TRY400 - see below
                # its text may quote a line
                log.debug("this is why", exc_info=True)
                return Failure(claimed, said)
        return None

    async def _deliver_part(
        self, sink: Deliverer, claimed: Claim, event: Event, part: LinePart
    ) -> Claim:
        """Deliver some lines; the claim, which has come as far as they go."""
        pacer = self._pacers[claimed.subscription]
        if part.lines:
            await pacer.turn()
            await cast("LineTaker", sink).deliver_lines(cast("BatchEvent", event), part.lines)
        lease = PART + sink.deadline + AT_ONCE * pacer.interval
        if not await advance(self._db, claimed, part.last, lease):
            raise OvertakenError("another worker delivers its lines by now")
        return replace(claimed, attempts=0, line=part.last)

    async def _abandon(self, tasks: Mapping[asyncio.Task[Failure | None], Claim]) -> None:
        """Stop what is under way, and let others have it at once."""
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await give_back(self._db, list(tasks.values()))
