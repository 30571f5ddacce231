"""One life of a batch, told to every sink of the table in every mood at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from batchyard.errors import PluginFailedError
from batchyard.hookspecs import hookimpl
from batchyard.ledger import FileOrder, Ledger
from batchyard.ledger.outbox import (
    DeliveryRecord,
    Outbox,
    Subscription,
    Terms,
    list_events,
    subscribe,
)
from batchyard.ledger.telling import Lines
from batchyard.models import BatchEvent, Event, FileEvent, LineRecord
from batchyard.registry import Sink
from batchyard.steps import BytesSource
from batchyard.testing import ManualClock
from tests.ledger.life.place import Place, all_batches, created, follow
from tests.sinks.table import MOODS, ROWS, Case, Row

__all__ = ["CANARY", "Life", "Troubled", "lived"]

CANARY = "CANARY-a-prompt-that-is-nobodys-business"

PATIENCE = 1.0
"""Seconds that a sink has for an event in this life; more would only take longer."""

DUTIES = ("submit", "poll", "settle")

BEFORE_ITS_END = {"file_created", "batch_created", "batch_status_changed", "batch_stalled"}

UNTOLD = {
    # what it has no word for
    "litellm": {"batch_status_changed", "batch_stalled"},
    # these are told of batches that have ended
    "langfuse": BEFORE_ITS_END,
    "sql": BEFORE_ITS_END,
}


@dataclass
class Troubled:
    """One sink in one mood, between the ledger and the plugin.

    ``outside`` is the mood that its receiver does not know, which is then made
    here.  ``deadline`` is what the outbox reckons with.
    """

    row: Row
    mood: str
    case: Case
    deadline: float = PATIENCE
    outside: str = "well"
    attempts: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.patient = Sink(self.name, self.case.plugin, deadline=60.0)
        self.hasty = Sink(self.name, self.case.plugin, deadline=PATIENCE)

    @property
    def name(self) -> str:
        return f"{self.row.name}-{self.mood}"

    def set(self, mood: str) -> None:
        self.outside = "well" if self.case.set(mood) else mood

    async def deliver(self, event: Event) -> None:
        await self._outside()
        await self._sink.deliver(event)

    async def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        await self._outside()
        await self._sink.deliver_lines(event, lines)

    @property
    def _sink(self) -> Sink:
        return self.patient if self.deadline > PATIENCE else self.hasty

    async def _outside(self) -> None:
        self.attempts += 1
        self.entered.set()
        if self.outside == "hanging":
            try:
                await asyncio.wait_for(asyncio.Event().wait(), self.deadline)
            except TimeoutError:
                raise PluginFailedError(f"sink {self.name}: hangs") from None
        if self.outside in {"down", "rejecting", "raising"}:
            raise PluginFailedError(f"sink {self.name}: OSError: it breaks")
        if self.outside == "slow":
            await asyncio.sleep(0.01)


class Witness:
    """A sink that is well."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    @hookimpl
    async def deliver(self, event: Event) -> None:
        self.ids.append(event.id)


@dataclass
class Life:
    """What came of it.

    ``held`` are the sinks that were at their first event while the client's calls
    were made, ``still`` those of them whose round had not ended when these had
    returned;
    ``passed`` is how much of the ledger's time had, in seconds.
    """

    troubled: dict[str, Troubled]
    events: list[BatchEvent | FileEvent]
    lines: list[str]
    witness: Witness
    deliveries: dict[str, list[DeliveryRecord]]
    held: set[str]
    still: set[str]
    passed: float
    secret: str

    def of_the_batch(self, row: Row) -> list[str]:
        """The ids of the batch's own events, in their order."""
        expected = self.expected(row)
        return [one.id for one in self.events if isinstance(one, BatchEvent) and one.id in expected]

    def expected(self, row: Row) -> list[str]:
        untold = UNTOLD.get(row.name, set())
        events = [one.id for one in self.events if one.hook not in untold]
        return [*events, *(self.lines if row.lines else ())]


async def lived(folder: Path, scope: ExitStack) -> Life:
    """Let a batch live while all are in trouble, and then let them be well."""
    place = Place(f"sqlite:///{folder / 'ledger.db'}", folder, ManualClock())
    scope.callback(place.close)
    place.emulate()
    every: dict[str, Troubled] = {}
    for row in ROWS:
        for mood in MOODS:
            own = folder / f"{row.name}-{mood}"
            own.mkdir()
            one = Troubled(row, mood, scope.enter_context(row.make(own)))
            every[one.name] = one
    async with place.open(place.setup(duties=DUTIES)) as ledger:
        life = await _live(ledger, every)
    life.secret = place.environment()["OPENAI_API_KEY"]
    return life


async def _live(ledger: Ledger, every: dict[str, Troubled]) -> Life:
    witness, parts = Witness(), ledger.parts
    clock = parts.db.clock
    assert isinstance(clock, ManualClock)
    names = (*every, "witness")
    await subscribe(parts.db, [Subscription(name, "any") for name in names])
    outbox = Outbox(
        parts.db,
        {**every, "witness": Sink("witness", witness)},
        terms={name: Terms(lines=1.0) for name, one in every.items() if one.row.lines},
        reader=Lines(parts.db, parts.store, parts.accounts),
    )
    for one in every.values():
        one.set(one.mood)
    held, still, passed = await _called(ledger, outbox, every)
    await _until_quiet(ledger, outbox)
    for one in every.values():
        one.set("well")
        # a machine that is busy is no trouble of theirs
        one.deadline = 60.0
    # past the longest pause between attempts
    clock.advance(7 * 3600.0)
    while await outbox.step():
        pass
    found = await list_events(parts.db, order="asc", limit=1000)
    last = next(one.event for one in found if one.event.hook == "batch_success")
    assert isinstance(last, BatchEvent)
    reader = Lines(parts.db, parts.store, parts.accounts)
    lines = [
        line.id async for part in reader.parts(last, Terms(lines=1.0), 0) for line in part.lines
    ]
    deliveries: dict[str, list[DeliveryRecord]] = {name: [] for name in names}
    for event in found:
        for delivery in event.deliveries:
            deliveries[delivery.subscription].append(delivery)
    events = [one.event for one in found]
    return Life(every, events, lines, witness, deliveries, held, still, passed, "")


async def _called(
    ledger: Ledger, outbox: Outbox, every: dict[str, Troubled]
) -> tuple[set[str], set[str], float]:
    """The client's calls, while sinks that hang are at an event of an earlier file."""
    clock = ledger.parts.db.clock
    hanging = {name: one for name, one in every.items() if one.mood == "hanging"}
    for one in hanging.values():
        one.deadline = 60.0
    await ledger.create_file(BytesSource(_requests(1)), FileOrder("first.jsonl"))
    delivering = asyncio.create_task(outbox.step())
    await asyncio.gather(*(one.entered.wait() for one in hanging.values()))
    began = clock.now()
    batch = await created(ledger, _requests(6), metadata={"night": "7"})
    await ledger.retrieve_batch(batch.id)
    passed = clock.now() - began
    still = set(hanging) if not delivering.done() else set()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    for one in hanging.values():
        one.deadline = PATIENCE
    return set(hanging), still, passed


async def _until_quiet(ledger: Ledger, outbox: Outbox) -> None:
    """Follow the batch to its end; sinks are tried now and then, and fail."""
    tried = 0

    async def ended() -> bool:
        nonlocal tried
        if tried < 1:
            tried += 1
            await outbox.step()
        return all(one.phase == "settled" for one in await all_batches(ledger))

    await follow(ledger, ended)
    # a sink that is for the last event alone comes to it behind all others
    while await outbox.step():
        pass


def _requests(count: int) -> bytes:
    message = [{"role": "user", "content": CANARY}]
    body = {"model": "gpt-4o-mini", "messages": message}
    lines = (
        {"custom_id": f"r-{n}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for n in range(count)
    )
    return "".join(json.dumps(one) + "\n" for one in lines).encode()
