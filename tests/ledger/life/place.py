"""Where the life of batches is watched: emulators, a database and a store, on one clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from batchyard.config import LedgerSettings
from batchyard.drivers import AsyncDriver
from batchyard.emulators.openai_wire import OpenAIWireEmulator
from batchyard.events import from_json
from batchyard.ledger import BatchOrder, FileOrder, Ledger, Served, Setup
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.tables import batches, events, jobs
from batchyard.models import Batch, BatchEvent, ExpiresAfter, Identity
from batchyard.registry import Registry
from batchyard.steps import BytesSource
from batchyard.testing import ManualClock
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is the same on every database."""

NOBODY = Identity()

Condition = Callable[[], Awaitable[bool]]


class Place:
    """Opens ledgers, as many as a test wants, all on the same database and store."""

    def __init__(self, url: str, folder: Path, clock: ManualClock) -> None:
        self.url = url
        self.folder = folder
        self.clock = clock
        self._scope = ExitStack()
        self._servers: dict[str, tuple[OpenAIWireEmulator, str]] = {}

    def close(self) -> None:
        self._scope.close()

    def emulate(self, provider: str = "openai", **options: Any) -> Any:
        """The provider's emulator, serving; made by the first call, with its options."""
        if provider not in self._servers:
            emulator = Registry({}).load("emulators", provider)(clock=self.clock, **options)
            server = self._scope.enter_context(emulator.serve())
            self._scope.callback(emulator.close)
            self._servers[provider] = emulator, server.url
        return self._servers[provider][0]

    def environment(self) -> dict[str, str]:
        # the plans are the providers' own, whatever middleware is installed
        found = {"BATCHYARD_PLUGINS_OFF": "otel"}
        for emulator, url in self._servers.values():
            found |= emulator.environment(url)
        return found

    def served(
        self,
        provider: str = "openai",
        *,
        name: str | None = None,
        driver: type[AsyncDriver] = AsyncDriver,
        prices: Mapping[str, Any] | None = None,
        middleware: Sequence[object] = (),
        **settings: Any,
    ) -> Served:
        """An account at the provider's emulator."""
        self.emulate(provider)
        registry = Registry(self.environment())
        account = registry.account(provider, settings, name=name, middleware=middleware)
        return Served(account, driver(account, clock=self.clock), prices or {})

    def setup(self, **options: Any) -> Setup:
        given: dict[str, Any] = {
            "registry": Registry(self.environment()),
            "clock": self.clock,
            "accounts": [self.served()],
            **options,
        }
        return Setup(**given)

    @asynccontextmanager
    async def open(
        self, setup: Setup | None = None, *, kind: type[Ledger] = Ledger, **settings: Any
    ) -> AsyncIterator[Ledger]:
        # a life has days, and looks at a job each minute of them are thousands
        given = {"poll_most": 300.0, **settings}
        chosen = LedgerSettings(url=self.url, store=self.folder / "store", **given)
        async with kind(chosen, setup or self.setup()) as ledger:
            yield ledger


async def created(
    ledger: Ledger,
    lines: int | bytes = 3,
    *,
    who: Identity = NOBODY,
    endpoint: str = CHAT,
    **order: Any,
) -> Batch:
    """A new batch of so many requests, or of these."""
    content = lines if isinstance(lines, bytes) else chat_lines(lines)
    file = await ledger.create_file(BytesSource(content), FileOrder("in.jsonl"), who=who)
    return await ledger.create_batch(BatchOrder(file.id, endpoint, **order), who=who)


async def follow(
    ledger: Ledger, until: Condition | None = None, *, steps: int = 300, beyond: float | None = None
) -> None:
    """Do what is due and let the time pass until the next thing is; to the end of all work.

    Or *until* a condition holds, or the next thing is due *beyond* so many seconds.
    """
    clock = ledger.parts.db.clock
    assert isinstance(clock, ManualClock)
    began = clock.now()
    for _ in range(steps):
        if until is not None and await until():
            return
        done = await ledger.tracker.step()
        if done and until is not None and await until():
            return
        due = await ledger.tracker.next_due()
        if done and (due is None or due <= clock.now()):
            continue
        if due is None or (beyond is not None and due > began + beyond):
            assert until is None, "all work is done, and what was waited for has not come"
            return
        clock.advance(max(due - clock.now(), 0.0) + 0.001)
    raise AssertionError(f"not quiet after {steps} steps")


def reached(ledger: Ledger, batch_id: str, *statuses: str) -> Condition:
    """Whether the batch shows one of the statuses; for :func:`follow`."""

    async def condition() -> bool:
        return (await ledger.retrieve_batch(batch_id)).status in statuses

    return condition


async def settled(ledger: Ledger, batch_id: str) -> Batch:
    """Follow the batch until it is settled."""

    async def condition() -> bool:
        return (await ledger.batch(batch_id)).phase == "settled"

    await follow(ledger, condition)
    return await ledger.retrieve_batch(batch_id)


async def told(ledger: Ledger, batch_id: str) -> list[BatchEvent]:
    """The batch's events, in their order."""
    query = select(events.c.body).where(events.c.subject == batch_id).order_by(events.c.seq)
    async with ledger.parts.db.reading() as connection:
        found = [from_json(body) for body in (await connection.execute(query)).scalars()]
    return [one for one in found if isinstance(one, BatchEvent)]


async def types_told(ledger: Ledger, batch_id: str) -> list[str]:
    return [one.type for one in await told(ledger, batch_id)]


async def jobs_of(ledger: Ledger, batch_id: str) -> list[JobRecord]:
    query = select(jobs).where(jobs.c.batch_id == batch_id).order_by(jobs.c.number)
    async with ledger.parts.db.reading() as connection:
        return [JobRecord.of(row) for row in (await connection.execute(query)).mappings()]


async def job_of(ledger: Ledger, batch_id: str) -> JobRecord:
    (found,) = await jobs_of(ledger, batch_id)
    return found


async def all_batches(ledger: Ledger) -> list[BatchRecord]:
    async with ledger.parts.db.reading() as connection:
        rows = (await connection.execute(select(batches).order_by(batches.c.id))).mappings()
        return [BatchRecord.of(row) for row in rows]


async def change(ledger: Ledger, table: Table, row_id: str, **values: Any) -> None:
    async with ledger.parts.db.writing() as connection:
        await connection.execute(table.update().where(table.c.id == row_id).values(**values))


async def content(ledger: Ledger, file_id: str | None) -> bytes:
    assert file_id is not None
    file = await ledger.file(file_id)
    return b"".join([block async for block in ledger.content(file)])


def books(*emulators: Any) -> tuple[int, int]:
    """The tokens, input and output, that the emulators' own batches come to."""
    usages = [
        batch.run.usage
        for emulator in emulators
        for batch in emulator._board.all()
        if batch.run is not None
    ]
    return sum(one.input for one in usages), sum(one.output for one in usages)


def made_at(emulator: Any) -> list[Any]:
    """The emulator's batches, oldest first, brought up to date."""
    emulator._board.advance_all(emulator.clock.now())
    return list(emulator._board.all())


def rewritten(emulator: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """Every row of the newest batch's output, changed."""
    emulator.clock.advance(100)
    batch = made_at(emulator)[-1]
    blob = emulator._shelf.get(batch.output_file_id, emulator.clock.now()).blob
    rows = [json.loads(line) for line in blob.path.read_bytes().splitlines()]
    for row in rows:
        change(row)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    blob.path.write_bytes(data)
    object.__setattr__(blob, "size", len(data))


def kept_for(seconds: int) -> ExpiresAfter:
    return ExpiresAfter(seconds)
