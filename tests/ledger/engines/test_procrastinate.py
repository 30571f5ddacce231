"""Procrastinate on a real Postgres, with workers that are killed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from batchyard.errors import ConfigError
from batchyard.hookspecs import EngineContext
from batchyard.registry import Registry
from batchyard_procrastinate import Procrastinate
from tests.ledger.conftest import Server
from tests.ledger.engines.conftest import Work
from tests.ledger.engines.patience import QUICK

ROOT = Path(__file__).parents[3]

NAMES = [f"batch_{number:03}" for number in range(60)]


@asynccontextmanager
async def engine(
    url: str, name: str = "a-process", concurrency: int = 4
) -> AsyncIterator[Procrastinate]:
    made = Procrastinate(EngineContext(url, name, concurrency), QUICK)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def serving(made: Procrastinate, work: Work) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(made.serve(work.advance))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ledger.engines.worker",
        url,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()


async def jobs(url: str) -> dict[str, int]:
    """How many there are, by status."""
    query = "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1"
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return dict(await (await connection.execute(query)).fetchall())


async def until_empty(url: str) -> None:
    async with asyncio.timeout(60):
        while await jobs(url):  # noqa: ASYNC110 - a database has no event to wait for
            await asyncio.sleep(0.05)


def test_the_engine_is_a_plugin(postgres_url: str) -> None:
    context = EngineContext(postgres_url, "a-process")
    assert isinstance(Registry({}).plugin("engines", "procrastinate", context), Procrastinate)


def test_an_sqlite_ledger_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"works on Postgres"):
        Procrastinate(EngineContext("sqlite:////x.db", "a-process"))


def test_an_id_that_is_dispatched_a_hundred_times_runs_once_or_once_more(
    postgres_url: str, work: Work
) -> None:
    async def main() -> None:
        async with engine(postgres_url) as made:
            for _ in range(100):
                await made.dispatch(["a"], work.advance)
            assert await jobs(postgres_url) == {"todo": 1}
            work.gate.clear()
            async with serving(made, work):
                await work.until(lambda: work.began["a"] == 1)
                for _ in range(20):
                    await made.dispatch(["a", "b", "a"], work.advance)
                work.gate.set()
                await until_empty(postgres_url)

    asyncio.run(main())
    # once more for what is dispatched meanwhile, and for what is fetched just after
    assert 2 <= work.done["a"] <= 3
    assert 1 <= work.done["b"] <= 3
    assert not work.twice


def test_two_servers_share_the_work(postgres_url: str) -> None:
    one, other = Work(), Work()

    async def main() -> None:
        async with engine(postgres_url, "one") as first, engine(postgres_url, "other") as second:
            one.gate.clear()
            other.gate.clear()
            await asyncio.gather(
                first.dispatch(NAMES, one.advance), second.dispatch(NAMES[::-1], other.advance)
            )
            async with serving(first, one), serving(second, other):
                await one.until(lambda: one.most == 4)
                await other.until(lambda: other.most == 4)
                one.gate.set()
                other.gate.set()
                await until_empty(postgres_url)

    asyncio.run(main())
    assert one.done + other.done == dict.fromkeys(NAMES, 1)
    assert (one.most, other.most) == (4, 4)


def test_what_a_killed_worker_had_begun_is_done_by_another(postgres_url: str, work: Work) -> None:
    async def main() -> None:
        async with engine(postgres_url) as made, worker(postgres_url) as process:
            await made.dispatch(["a", "b"], work.advance)
            assert {await said(process), await said(process)} == {"a", "b"}
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            assert await jobs(postgres_url) == {"doing": 2}
            # one of them is dispatched again in the meantime
            await made.dispatch(["b"], work.advance)
            async with serving(made, work):
                await work.until(lambda: work.done.keys() == {"a", "b"})
                await until_empty(postgres_url)

    asyncio.run(main())
    assert set(work.done) == {"a", "b"}


def test_what_a_worker_that_ends_leaves_is_done_by_another(postgres_url: str, work: Work) -> None:
    async def main() -> None:
        async with engine(postgres_url, concurrency=2) as made:
            work.gate.clear()
            async with serving(made, work):
                await made.dispatch(["a", "b"], work.advance)
                await work.until(lambda: work.began.total() == 2)
                await made.dispatch(["b"], work.advance)
            assert not work.done
            work.gate.set()
            async with serving(made, work):
                await until_empty(postgres_url)

    asyncio.run(main())
    assert set(work.done) == {"a", "b"}


def test_an_advance_that_raises_is_logged_and_stops_nobody(
    postgres_url: str, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        work.bad["b"] = RuntimeError("no")
        async with engine(postgres_url, concurrency=1) as made, serving(made, work):
            await made.dispatch(["a", "b", "c"], work.advance)
            await work.until(lambda: work.done.total() == 2)
            await until_empty(postgres_url)
            work.bad.clear()
            await made.dispatch(["b"], work.advance)
            await work.until(lambda: work.done["b"] == 1)

    with caplog.at_level(logging.ERROR, logger="batchyard_procrastinate"):
        asyncio.run(main())
    assert work.done == {"a": 1, "b": 1, "c": 1}
    assert [
        one.getMessage() for one in caplog.records if one.name == "batchyard_procrastinate"
    ] == ["b could not be advanced"]


def test_serving_outlives_an_outage_of_the_database(
    postgres_server: Server, postgres_url: str, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    database = conninfo_to_dict(postgres_url)["dbname"]

    async def allowed(whether: str) -> None:
        await asyncio.to_thread(
            postgres_server.run,
            f"ALTER DATABASE {database} ALLOW_CONNECTIONS {whether}",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",  # noqa: S608 - our own name
        )

    async def main() -> None:
        async with engine(postgres_url) as made, serving(made, work):
            await made.dispatch(["a"], work.advance)
            await work.until(lambda: work.done["a"] == 1)
            await allowed("false")
            async with asyncio.timeout(60):
                while "the queue cannot be reached" not in caplog.text:  # noqa: ASYNC110 - a log has no event to wait for
                    await asyncio.sleep(0.05)
            await allowed("true")
            async with engine(postgres_url, "other") as other:
                await other.dispatch(["b"], work.advance)
            await work.until(lambda: work.done["b"] == 1)

    asyncio.run(main())


def test_many_processes_that_start_at_once_apply_the_tables_once(postgres_url: str) -> None:
    async def main() -> None:
        made = [Procrastinate(EngineContext(postgres_url, str(one))) for one in range(4)]
        await asyncio.gather(*(one.dispatch(["a"], Work().advance) for one in made))
        await asyncio.gather(*(one.close() for one in made))
        assert await jobs(postgres_url) == {"todo": 1}

    asyncio.run(main())


def test_without_migrate_the_tables_must_be_there(postgres_url: str) -> None:
    async def main() -> None:
        made = Procrastinate(EngineContext(postgres_url, "a-process", migrate=False))
        with pytest.raises(ConfigError, match="run batchyard procrastinate apply"):
            await made.dispatch(["a"], Work().advance)

    asyncio.run(main())
