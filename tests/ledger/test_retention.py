from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select

from batchyard.ledger import tables
from batchyard.ledger.database import Database, take_lease
from batchyard.ledger.retention import Cleaned, Cleaner, Retention, clean
from batchyard.ledger.store import LocalStore
from batchyard.testing import ManualClock

pytestmark = pytest.mark.anyio

DAY = 86_400.0
MONTH = Retention(batches=30 * DAY)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def keep(store: LocalStore, *names: str) -> None:
    for name in names:
        with store.writer(f"{name}/content.jsonl") as target:
            target.write(b"{}")


def kept(store: LocalStore) -> list[str]:
    return sorted(name.partition("/")[0] for name in store.names())


class Shelf:
    """Rows, made at the clock's time."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add(self, table: Table, **values: Any) -> None:
        async with self.db.writing() as conn:
            await conn.execute(insert(table).values(**values))

    async def file(self, name: str, **values: Any) -> None:
        now = self.db.clock.now()
        plain = {"purpose": "batch", "filename": "f", "bytes": 2, "created_at": now}
        await self.add(tables.files, id=name, **{**plain, **values})

    async def batch(self, name: str, *, settled: bool = True, **values: Any) -> None:
        now = self.db.clock.now()
        plain = {
            "account": "a",
            "provider": "p",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "phase": "settled" if settled else "ended",
            "status": "completed" if settled else "finalizing",
            "settled_at": now if settled else None,
            "created_at": now,
        }
        await self.add(tables.batches, id=name, **{**plain, **values})
        job = {"account": "a", "provider": "p", "state": "ended", "marker": name}
        await self.add(
            tables.jobs, id=f"job-{name}", batch_id=name, number=0, created_at=now, **job
        )
        if settled:
            await self.add(
                tables.settlements,
                batch_id=name,
                number=0,
                kind="settlement",
                at=now,
                state="priced",
            )
            where = {"provider": "p", "account": "a", "tier": "batch", "band": "standard"}
            number = {"batch_id": name, "settlement": 0, "number": 0}
            await self.add(tables.settlement_items, at=now, **number, **where)

    async def event(self, subject: str, state: str = "delivered") -> None:
        now = self.db.clock.now()
        name = {"id": f"event-{subject}", "subject": subject, "seq": 1}
        await self.add(tables.events, **name, hook="h", at=now, account="a", body={})
        sent = {"event_id": f"event-{subject}", "subscription": "s", "state": state}
        await self.add(tables.deliveries, **sent, subject=subject, seq=1)

    async def ids(self, table: Table) -> list[str]:
        column = next(iter(table.c))
        async with self.db.reading() as conn:
            return sorted(map(str, await conn.scalars(select(column))))

    async def count(self, *counted: Table) -> list[int]:
        async with self.db.reading() as conn:
            asked = [select(func.count()).select_from(table) for table in counted]
            return [await conn.scalar(one) or 0 for one in asked]


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


async def clean_all(db: Database, store: LocalStore, retention: Retention | None = None) -> None:
    while (await clean(db, store, retention)).more:
        pass


async def test_a_file_that_has_expired_is_gone_with_its_bytes(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-old", expires_at=clock.now() + 10)
    await shelf.file("file-later", expires_at=clock.now() + 11)
    await shelf.file("file-ever")
    keep(store, "file-old", "file-later", "file-ever")
    clock.advance(10)
    assert await clean(database, store) == Cleaned(expired=1, erased=1)
    assert kept(store) == ["file-ever", "file-later"]
    assert await clean(database, store) == Cleaned()
    # its row stays: a list that is being walked finds its place by it
    assert "file-old" in await shelf.ids(tables.files)


async def test_the_bytes_of_a_deleted_file_go_even_if_the_deleting_was_interrupted(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-a", deleted_at=clock.now())
    keep(store, "file-a")
    assert await clean(database, store) == Cleaned(erased=1)
    assert kept(store) == []


async def test_the_input_of_a_batch_that_is_not_settled_stays_however_old(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-a", expires_at=clock.now())
    await shelf.file("file-b", deleted_at=clock.now())
    keep(store, "file-a", "file-b")
    for name in ("file-a", "file-b"):
        await shelf.batch(f"batch-{name}", settled=False, input_file_id=name)
    clock.advance(1000 * DAY)
    assert await clean(database, store, MONTH) == Cleaned()
    assert kept(store) == ["file-a", "file-b"]


async def test_an_old_batch_is_forgotten_with_all_that_is_its(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-in")
    await shelf.file("file-out", batch_id="batch-a")
    await shelf.batch("batch-a", input_file_id="file-in")
    for subject in ("file-in", "batch-a"):
        await shelf.event(subject)
    keep(store, "file-in", "file-out")
    clock.advance(30 * DAY - 1)
    await shelf.batch("batch-b")
    await shelf.event("batch-b")
    assert await clean(database, store, MONTH) == Cleaned()

    clock.advance(1)
    assert await clean(database, store, MONTH) == Cleaned(batches=1, erased=2)
    assert await shelf.ids(tables.batches) == ["batch-b"]
    assert await shelf.count(tables.jobs, tables.settlements) == [1, 1]
    assert kept(store) == []
    assert await shelf.count(tables.events, tables.deliveries) == [2, 2]

    clock.advance(30 * DAY)
    await clean_all(database, store, MONTH)
    everything = (tables.batches, tables.files, tables.events, tables.deliveries)
    assert await shelf.count(*everything) == [0, 0, 0, 0]


async def test_the_lines_of_receipts_outlive_their_batch_unless_they_too_have_an_age(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.batch("batch-a")
    clock.advance(30 * DAY)
    await clean_all(database, store, MONTH)
    assert await shelf.count(tables.batches, tables.settlement_items) == [0, 1]

    year = Retention(batches=30 * DAY, usage=365 * DAY)
    clock.advance(364 * DAY)
    assert await clean(database, store, year) == Cleaned()
    clock.advance(DAY)
    assert await clean(database, store, year) == Cleaned(items=1)
    assert await shelf.count(tables.settlement_items) == [0]


async def test_without_an_age_nothing_is_forgotten(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.batch("batch-a")
    clock.advance(10_000 * DAY)
    assert await clean(database, store) == Cleaned()


@pytest.mark.parametrize("table", ["file", "batch"])
async def test_what_is_yet_to_be_delivered_keeps_its_subject(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock, table: str
) -> None:
    if table == "batch":
        await shelf.batch("it")
    else:
        await shelf.file("it", deleted_at=clock.now(), erased_at=clock.now())
    await shelf.event("it", state="pending")
    clock.advance(31 * DAY)
    assert await clean(database, store, MONTH) == Cleaned()
    async with database.writing() as conn:
        await conn.execute(tables.deliveries.update().values(state="dead"))
    await clean_all(database, store, MONTH)
    assert await shelf.count(tables.batches, tables.files, tables.events) == [0, 0, 0]


async def test_a_batch_whose_file_is_yet_to_be_deleted_at_its_provider_stays_until_it_is(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.batch("batch-a")
    await shelf.batch("batch-b")
    due = tables.jobs.update().where(tables.jobs.c.batch_id == "batch-a")
    async with database.writing() as conn:
        await conn.execute(due.values(next_at=clock.now()))
    clock.advance(300 * DAY)
    assert await clean(database, store, MONTH) == Cleaned(batches=1)
    assert await shelf.ids(tables.jobs) == ["job-batch-a"]
    async with database.writing() as conn:
        await conn.execute(due.values(next_at=None))
    assert await clean(database, store, MONTH) == Cleaned(batches=1)
    assert await shelf.count(tables.batches, tables.jobs) == [0, 0]


async def test_a_batch_that_somebody_is_working_on_is_left_alone(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.batch("batch-a", lease_until=clock.now() + 31 * DAY)
    clock.advance(30 * DAY)
    assert await clean(database, store, MONTH) == Cleaned()
    clock.advance(DAY)
    assert await clean(database, store, MONTH) == Cleaned(batches=1)


async def test_an_input_that_a_younger_batch_has_too_stays(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-in")
    keep(store, "file-in")
    await shelf.batch("batch-a", input_file_id="file-in")
    clock.advance(20 * DAY)
    await shelf.batch("batch-b", input_file_id="file-in")
    clock.advance(10 * DAY)
    assert await clean(database, store, MONTH) == Cleaned(batches=1)
    assert kept(store) == ["file-in"]
    clock.advance(20 * DAY)
    assert await clean(database, store, MONTH) == Cleaned(batches=1, erased=1)


async def test_a_step_is_bounded_and_says_whether_there_is_more(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    for number in range(5):
        await shelf.batch(f"batch-{number}")
    clock.advance(30 * DAY)
    steps = [await clean(database, store, MONTH, limit=2) for _ in range(3)]
    assert [(step.batches, step.more) for step in steps] == [(2, True), (2, True), (1, False)]


async def test_two_may_clean_at_once(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    for number in range(20):
        await shelf.file(f"file-{number}", batch_id=f"batch-{number}")
        await shelf.batch(f"batch-{number}")
        await shelf.event(f"batch-{number}")
        keep(store, f"file-{number}")
    clock.advance(30 * DAY)
    done = await asyncio.gather(*(clean(database, store, MONTH, limit=10) for _ in range(4)))
    assert sum(step.batches for step in done) == 20
    await clean_all(database, store, MONTH)
    assert kept(store) == []
    assert await shelf.count(tables.batches, tables.events, tables.deliveries) == [0, 0, 0]


async def test_leases_that_nobody_took_again_are_forgotten(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await take_lease(database, "worker/gone", "one", 10)
    clock.advance(6 * DAY)
    await take_lease(database, "worker/here", "two", 10)
    clock.advance(DAY + 10)
    assert await clean(database, store) == Cleaned(leases=1)
    assert await shelf.ids(tables.leases) == ["worker/here"]


async def test_the_cleaner_goes_on_until_there_is_no_more(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    for number in range(201):
        await shelf.file(f"file-{number:03}", expires_at=clock.now())
    await Cleaner(database, store, 30).step()
    async with database.reading() as conn:
        left = select(func.count()).where(tables.files.c.erased_at.is_(None))
        assert await conn.scalar(left) == 0


async def test_bytes_that_have_no_row_are_swept_once_they_are_old(
    database: Database, shelf: Shelf, store: LocalStore, clock: ManualClock
) -> None:
    await shelf.file("file-known")
    keep(store, "file-known", "file-stray")
    cleaner = Cleaner(database, store, None)
    await cleaner.step()
    assert kept(store) == ["file-known", "file-stray"]
    # the store's files have the time of the machine, which is years behind then
    clock.advance(10_000 * DAY)
    await cleaner.step()
    assert kept(store) == ["file-known"]
    keep(store, "file-stray")
    await cleaner.step()
    assert kept(store) == ["file-known", "file-stray"], "one look in six hours is enough"
