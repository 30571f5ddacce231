"""Waiting where somebody follows, where nobody does, and where things go wrong meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from batchyard.client import _waiting
from batchyard.drivers import SystemClock
from batchyard.emulators import Fault
from batchyard.errors import BatchyardError, LedgerUnavailableError, WaitTimeoutError
from batchyard.ledger import Ledger, Setup
from batchyard.ledger.database import Database, take_lease
from batchyard.ledger.tracker import Tracker, _tracker, follower_lease
from batchyard.ledger.working import work
from batchyard.models import Batch
from batchyard.registry import Registry
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import KEY, settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import Tracked, begun, rows


def a_worker_lives(tracked: Tracked, seconds: float = 1e6) -> None:
    """Says so in the ledger, and does nothing."""

    async def say() -> None:
        async with Database(str(tracked.ledger), tracked.clock) as db:
            assert await take_lease(db, follower_lease("w1"), "w1", seconds) is not None

    asyncio.run(say())


@pytest.fixture
def in_time(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracked]:
    """On the machine's clock, which two loops that sleep do not drive apart."""
    monkeypatch.setattr(_waiting, "PAUSE", 0.1)
    monkeypatch.setattr(_tracker, "IDLE", 0.1)
    clock: Any = SystemClock()
    emulator = OpenAIEmulator()
    with emulator.serve() as server:
        yield Tracked("sync", emulator, server.url, clock, ledger)


@contextmanager
def worker(tracked: Tracked, environ: dict[str, str]) -> Iterator[None]:
    """A worker on the ledger, with the accounts of that environment."""
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    lives = threading.Event()

    async def serve() -> None:
        setup = Setup(registry=Registry(environ), clock=tracked.clock)
        async with Ledger(tracked.settings(poll_first=0.1), setup) as ledger:
            told = asyncio.Event()
            stop.append((asyncio.get_running_loop(), told))
            working = asyncio.create_task(work(ledger, told))
            while await ledger.followed_by() is None:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.01)
            lives.set()
            await working

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert lives.wait(20)
        yield
    finally:
        for loop, told in stop:
            loop.call_soon_threadsafe(told.set)
        thread.join()


def test_every_look_is_told_and_the_last_is_the_end(tracked: Tracked) -> None:
    seen: list[str] = []

    async def body(client: Any) -> Batch:
        batch = await begun(client)
        done = client.batches.wait(batch, on_progress=lambda one: seen.append(one.status))
        found: Batch = await settled(done)
        return found

    assert tracked.run(body).status == "completed"
    assert (seen[0], seen[-1]) == ("validating", "completed")
    assert seen.count("completed") == 1


def test_an_async_callback_is_awaited_where_that_is_possible(tracked: Tracked) -> None:
    seen: list[str] = []

    async def told(batch: Batch) -> None:
        await asyncio.sleep(0)
        seen.append(batch.status)

    async def body(client: Any) -> None:
        never = told(await begun(client))
        batch = await begun(client)
        if tracked.colour == "async":
            await client.batches.wait(batch, on_progress=told)
            assert seen[-1] == "completed"
            never.close()
            return
        with pytest.raises(TypeError, match="use the async client"):
            client.batches.wait(batch, on_progress=lambda _: never)
        never.close()

    tracked.run(body)


def test_what_a_callback_raises_ends_the_wait_and_nothing_else(tracked: Tracked) -> None:
    def told(batch: Batch) -> None:
        if batch.status != "validating":
            raise ZeroDivisionError("of the callback")

    async def body(client: Any) -> None:
        batch = await begun(client)
        with pytest.raises(ZeroDivisionError, match="of the callback"):
            await settled(client.batches.wait(batch, on_progress=told))
        assert (await settled(client.batches.wait(batch))).status == "completed"

    tracked.run(body)
    assert tracked.created() == 1


def test_who_has_no_time_gets_a_look_and_a_push_and_may_wait_again(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        with pytest.raises(WaitTimeoutError, match="it goes on"):
            await settled(client.batches.wait(batch, wait_timeout=0))
        assert tracked.created() == 1
        began = tracked.clock.now()
        with pytest.raises(WaitTimeoutError, match="within 3 s"):
            await settled(client.batches.wait(batch, wait_timeout=3))
        assert tracked.clock.now() - began == pytest.approx(3, abs=0.2)
        done = await settled(client.batches.wait(batch, wait_timeout=600))
        assert done.status == "completed"
        # and one that has ended needs no time
        assert (await settled(client.batches.wait(batch, wait_timeout=0))).status == "completed"

    tracked.run(body)
    assert tracked.created() == 1


def test_a_step_that_takes_too_long_is_cut_short_and_taken_up_again(
    awaiting: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Tracker.step
    hanging: list[asyncio.Event] = []

    async def step(tracker: Tracker) -> int:
        if not hanging:
            hanging.append(asyncio.Event())
            await hanging[0].wait()
        return await whole(tracker)

    monkeypatch.setattr(Tracker, "step", step)

    async def body(client: Any) -> None:
        batch = await begun(client)
        with pytest.raises(WaitTimeoutError):
            await client.batches.wait(batch, wait_timeout=0)
        assert (await client.batches.wait(batch)).status == "completed"

    awaiting.run(body)


def test_an_outage_of_the_provider_is_waited_out(blocking: Tracked) -> None:
    blocking.emulator.faults.add(Fault.parse("POST /v1/files 503 times=4"))
    blocking.emulator.faults.add(Fault.parse("GET /v1/batches/* 503 times=8"))

    async def body(client: Any) -> None:
        done = await settled(client.batches.wait(await begun(client)))
        assert done.status == "completed"

    blocking.run(body)
    assert blocking.created() == 1


@pytest.mark.parametrize("where", ["step", "pending"])
def test_a_busy_ledger_is_waited_out_and_a_broken_one_is_told(
    blocking: Tracked, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    whole = getattr(Tracker, where)
    failures: list[BatchyardError] = []

    async def failing(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await whole(*arguments)

    monkeypatch.setattr(Tracker, where, failing)

    async def body(client: Any) -> None:
        batch = await begun(client)
        failures.append(BatchyardError("a mistake", retryable=False))
        with pytest.raises(BatchyardError, match="a mistake"):
            await settled(client.batches.wait(batch))
        failures.extend(LedgerUnavailableError("busy") for _ in range(3))
        assert (await settled(client.batches.wait(batch))).status == "completed"
        assert failures == []

    blocking.run(body)


def test_where_a_worker_lives_the_work_is_left_to_it(tracked: Tracked) -> None:
    a_worker_lives(tracked)

    async def body(client: Any) -> None:
        batch = await begun(client)
        assert batch.tracked_by == "worker w1"
        with pytest.raises(WaitTimeoutError):
            await settled(client.batches.wait(batch, wait_timeout=20))
        assert len(tracked.emulator.requests) == 0
        # it should have begun long ago: perhaps it lacks the account
        done = await settled(client.batches.wait(batch, wait_timeout=600))
        assert done.status == "completed"

    tracked.run(body)
    assert tracked.created() == 1


def test_a_worker_that_dies_is_stood_in_for(blocking: Tracked) -> None:
    a_worker_lives(blocking, 10)

    async def body(client: Any) -> None:
        batch = await begun(client)
        looks: list[int] = []
        done = client.batches.wait(batch, on_progress=lambda _: looks.append(blocking.created()))
        assert (await settled(done)).status == "completed"
        assert looks[:2] == [0, 0]

    blocking.run(body)


def test_a_real_worker_does_all_of_it_while_the_client_only_looks(
    in_time: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{in_time.url}/v1"}

    async def never(_: Tracker) -> int:
        raise AssertionError("the client did the worker's work")

    monkeypatch.setattr(Tracker, "step", never)

    async def body(client: Any) -> None:
        batch = await begun(client)
        assert batch.tracked_by is not None
        assert (await settled(client.batches.wait(batch))).status == "completed"
        items, proof = await rows(client, batch)
        assert (len(items), proof.complete) == (3, True)

    with worker(in_time, environ):
        in_time.run(body)
    assert in_time.created() == 1


def test_a_batch_whose_account_no_one_else_has_is_run_by_who_waits_for_it(
    tracked: Tracked, caplog: pytest.LogCaptureFixture
) -> None:
    a_worker_lives(tracked)

    async def look_as_the_worker() -> None:
        setup = Setup(registry=Registry({}), clock=tracked.clock)
        async with Ledger(tracked.settings(), setup) as ledger:
            await ledger.tracker.step()

    async def body(client: Any) -> None:
        batch = await begun(client)
        await asyncio.to_thread(asyncio.run, look_as_the_worker())
        assert (await settled(client.batches.retrieve(batch))).status == "validating"
        assert (await settled(client.batches.wait(batch))).status == "completed"

    with caplog.at_level(logging.WARNING):
        tracked.run(body, account="mine")
    said = [one.getMessage() for one in caplog.records if "waits:" in one.getMessage()]
    assert len(said) == 1
    assert "'mine'" in said[0]
    assert tracked.created() == 1


def test_nobody_is_told_once_that_nobody_follows(
    tracked: Tracked, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(client: Any) -> None:
        first, second = await begun(client), await begun(client, chat_lines(1))
        assert (first.tracked_by, second.tracked_by) == (None, None)
        (said,) = [one.getMessage() for one in caplog.records if "nobody" in one.getMessage()]
        assert first.id in said
        assert "wait for it, or run `batchyard worker`" in said

    with caplog.at_level(logging.WARNING):
        tracked.run(body)


def test_one_wait_follows_all_batches_of_the_ledger(blocking: Tracked) -> None:
    async def body(client: Any) -> None:
        made = [await begun(client, chat_lines(number + 1)) for number in range(4)]
        await settled(client.batches.wait(made[3]))
        statuses = {one.status for one in await settled(client.batches.list())}
        assert statuses <= {"completed", "finalizing", "in_progress"}
        for one in made:
            assert (await settled(client.batches.wait(one))).status == "completed"

    blocking.run(body)
    assert blocking.created() == 4


def test_many_wait_side_by_side_and_nothing_is_done_twice(awaiting: Tracked) -> None:
    async def body(client: Any) -> None:
        made = [await begun(client, chat_lines(number + 1)) for number in range(4)]
        done = await asyncio.gather(*(client.batches.wait(one) for one in made))
        assert {one.status for one in done} == {"completed"}
        proofs = [(await client.batches.cost(one)).proof.lines for one in made]
        assert proofs == [1, 2, 3, 4]

    awaiting.run(body)
    assert awaiting.created() == 4


def test_when_the_wait_is_over_the_sinks_have_the_events(tracked: Tracked, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    config = tmp_path / "batchyard.toml"
    config.write_text(f'[sinks.audit]\nsink = "jsonl"\npath = "{log}"\n', encoding="utf-8")
    heard: list[str] = []

    async def body(client: Any) -> Any:
        with client.observe(lambda event: heard.append(event.type)):
            batch = await settled(client.batches.wait(await begun(client)))
            written = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
            mine = [one for one in written if (one.get("batch") or {}).get("id") == batch.id]
            assert [mine[0]["type"], mine[-1]["type"]] == ["acreate_batch", "batch_success"]
            assert len({one["id"] for one in written}) == len(written)
            receipt = await settled(client.batches.cost(batch))
            assert mine[-1]["totals"]["response_cost"] == str(receipt.cost)
        return written

    written = tracked.run(body, config_file=config)
    told = [one["type"] for one in written]
    assert "acreate_file" in told
    # each batch's and file's events are in their order; there is none between them
    assert sorted(one for one in heard if one != "request_sent") == sorted(told)


def test_events_that_another_process_could_not_deliver_are_delivered_before_the_wait_is_over(
    blocking: Tracked, tmp_path: Path
) -> None:
    log = tmp_path / "events.jsonl"
    config = tmp_path / "batchyard.toml"
    config.write_text(f'[sinks.audit]\nsink = "jsonl"\npath = "{log}"\n', encoding="utf-8")
    made: list[Batch] = []

    async def create(client: Any) -> None:
        made.append(await begun(client))

    async def wait(client: Any) -> None:
        await settled(client.batches.wait(made[0]))

    blocking.run(create, config_file=config)
    # it has no such sink
    blocking.run(wait)
    assert not log.exists()
    blocking.run(wait, config_file=config)
    types = [json.loads(line)["type"] for line in log.read_text("utf-8").splitlines()]
    assert {"acreate_file", "acreate_batch", "batch_success"} <= {*types}


def test_a_cancelled_wait_holds_nothing_and_can_be_repeated(awaiting: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        looked = asyncio.Event()
        waiting = asyncio.create_task(
            client.batches.wait(batch, on_progress=lambda _: looked.set())
        )
        await looked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await client.batches.wait(batch)).status == "completed"

    awaiting.run(body)
    assert awaiting.created() == 1
