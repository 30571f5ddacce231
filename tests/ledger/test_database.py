from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from batchyard.errors import ConfigError, LedgerUnavailableError
from batchyard.ledger.database import Database, _connections
from batchyard.ledger.ids import new_id
from batchyard.ledger.tables import jobs, leases
from tests.ledger.processes import forked

pytestmark = pytest.mark.anyio

Opener = Callable[[], Database]


async def names(db: Database) -> list[str]:
    async with db.reading() as conn:
        return sorted(await conn.scalars(select(leases.c.name)))


async def epoch(db: Database, name: str) -> int:
    async with db.reading() as conn:
        found: int | None = await conn.scalar(select(leases.c.epoch).where(leases.c.name == name))
    assert found is not None
    return found


def row(name: str) -> dict[str, object]:
    return {"name": name, "holder": "me", "until": 0.0, "epoch": 0}


async def add(db: Database, name: str) -> None:
    async with db.writing() as conn:
        await conn.execute(insert(leases).values(row(name)))


async def test_what_is_written_is_committed_when_the_block_ends(
    database: Database, another: Opener
) -> None:
    await add(database, "a")
    async with another() as other:
        assert await names(other) == ["a"]


async def test_nothing_is_kept_of_a_block_that_raises(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as conn:
            await conn.execute(insert(leases).values(row("a")))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await names(database) == []
    await add(database, "b")
    assert await names(database) == ["b"]


async def test_nothing_is_kept_of_a_block_that_is_cancelled(
    database: Database, another: Opener
) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.writing() as conn:
            await conn.execute(insert(leases).values(row("a")))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with another() as other:
        await add(other, "b")
    await add(database, "c")
    assert await names(database) == ["b", "c"]


async def test_a_writer_that_is_cancelled_while_it_waits_blocks_nobody(
    database: Database, another: Opener
) -> None:
    async with another() as other:
        async with other.writing() as conn:
            await conn.execute(insert(leases).values(row("a")))
            waiting = asyncio.create_task(add(database, "a"))
            for _ in range(20):
                await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await add(other, "b")
        await add(database, "c")
        assert await names(other) == ["a", "b", "c"]


async def test_a_writer_that_is_cancelled_while_another_process_writes_blocks_nobody(
    sqlite_url: str,
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with Database(sqlite_url) as db:
        hog = sqlite3.connect(path, isolation_level=None)
        hog.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(add(db, "a"))
        # it is in SQLite's hands when it has had the connection made
        await asyncio.wait([waiting], timeout=0.1)
        waiting.cancel()
        hog.close()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        await add(db, "a")
        async with Database(sqlite_url) as other:
            await add(other, "b")
            assert await names(other) == ["a", "b"]


async def test_a_read_cannot_write(database: Database) -> None:
    async def write() -> None:
        async with database.reading() as conn:
            await conn.execute(insert(leases).values(row("a")))

    # SQLite has one code for this and for a file that cannot be written
    with pytest.raises((DBAPIError, ConfigError)):
        await write()
    await add(database, "a")


async def test_a_read_sees_one_moment_however_many_statements_it_has(
    database: Database, another: Opener
) -> None:
    wanted = select(leases.c.name)
    async with another() as other, database.reading() as conn:
        assert (await conn.scalars(wanted)).all() == []
        await add(other, "a")
        assert (await conn.scalars(wanted)).all() == []
    assert await names(database) == ["a"]


async def test_reads_go_on_while_somebody_writes(database: Database) -> None:
    async with database.writing() as conn:
        await conn.execute(insert(leases).values(row("a")))
        assert await names(database) == []


async def test_writers_of_one_process_count_right(database: Database, another: Opener) -> None:
    await add(database, "a")

    async def count(db: Database) -> None:
        async with db.writing() as conn:
            await conn.execute(
                update(leases).where(leases.c.name == "a").values(epoch=leases.c.epoch + 1)
            )

    async with another() as other:
        await asyncio.gather(*(count(db) for db in (database, other) for _ in range(20)))
    assert await epoch(database, "a") == 40


def _count_in_process(url: str, times: int) -> None:
    async def main() -> None:
        async with Database(url) as db:
            for _ in range(times):
                async with db.writing() as conn:
                    # read, then write: on SQLite only BEGIN IMMEDIATE keeps others out between
                    old = await conn.scalar(select(leases.c.epoch).with_for_update())
                    assert old is not None
                    await conn.execute(update(leases).values(epoch=old + 1))

    asyncio.run(main())


def in_processes(times: int, target: Callable[..., None], *args: object) -> list[int | None]:
    context = forked()
    started = [context.Process(target=target, args=args) for _ in range(times)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return [process.exitcode for process in started]


async def test_writers_of_several_processes_count_right(
    database: Database, database_url: str
) -> None:
    await add(database, "a")
    codes = await asyncio.to_thread(in_processes, 3, _count_in_process, database_url, 30)
    assert codes == [0, 0, 0]
    assert await epoch(database, "a") == 90


async def test_a_transaction_within_a_transaction_of_sqlite_is_refused_rather_than_hanging(
    sqlite_url: str,
) -> None:
    async with Database(sqlite_url) as db, db.writing():
        with pytest.raises(RuntimeError, match="wait for itself"):
            await add(db, "a")


async def test_what_the_tables_forbid_is_raised_as_it_is(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(IntegrityError) as caught:
        await add(database, "a")
    assert "'me'" not in str(caught.value)


async def test_a_job_needs_its_batch(database: Database) -> None:
    async def orphan() -> None:
        async with database.writing() as conn:
            await conn.execute(
                insert(jobs).values(
                    id="j", batch_id="nobody", number=0, account="a", provider="p",
                    state="s", marker="m", created_at=0.0,
                )
            )  # fmt: skip

    with pytest.raises(IntegrityError):
        await orphan()


async def test_a_row_that_another_transaction_has_claimed_is_passed_over(
    postgres_url: str,
) -> None:
    async with Database(postgres_url) as db:
        await add(db, "a")
        await add(db, "b")
        first = db.claimable(select(leases.c.name).order_by(leases.c.name).limit(1))
        async with db.writing() as one, db.writing() as two:
            assert [await one.scalar(first), await two.scalar(first)] == ["a", "b"]


async def test_another_process_that_writes_too_long_is_reported_as_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connections, "BUSY_SECONDS", 0.05)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with Database(sqlite_url) as db:
        hog = sqlite3.connect(path, isolation_level=None)
        hog.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailableError, match="busy") as caught:
            await add(db, "a")
        assert caught.value.retryable
        hog.close()
        await add(db, "a")


async def test_a_connection_that_the_server_ends_is_reported_and_replaced(
    postgres_url: str,
) -> None:
    async with Database(postgres_url) as db:

        async def end_myself() -> None:
            async with db.writing() as conn:
                await conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(LedgerUnavailableError, match="unreachable"):
            await end_myself()
        await add(db, "a")
        assert await names(db) == ["a"]


async def test_a_database_that_is_not_open_says_so(database_url: str) -> None:
    db = Database(database_url)
    with pytest.raises(RuntimeError, match="not open"):
        await names(db)
    async with db:
        with pytest.raises(RuntimeError, match="open already"):
            await db.open()
    await db.close()


async def test_sqlite_is_set_to_lose_nothing(sqlite_url: str) -> None:
    async with Database(sqlite_url) as db, db.writing() as conn:
        found = {
            pragma: (await conn.exec_driver_sql(f"PRAGMA {pragma}")).scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_an_id_is_its_prefix_and_128_random_bits() -> None:
    made = {new_id("batch_") for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("batch_") and len(one) == len("batch_") + 32 for one in made)
