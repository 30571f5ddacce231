"""One ledger for many: threads, loops, clients, processes; and what closing does to them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.ledger.tracker import Tracker
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import KEY, settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import CHAT, Tracked, begun, ended, rows
from tests.interpreter import python

ROOT = Path(__file__).parents[3]

FAST = {"BATCHYARD_LEDGER__POLL_FIRST": "0.1"}


def ledger_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "batchyard-ledger"]


def test_a_blocking_client_is_used_by_many_threads_at_once(blocking: Tracked) -> None:
    def one(client: Client, number: int) -> tuple[str, int]:
        batch = client.batches.create(client.files.create(chat_lines(number + 1)), CHAT)
        done = client.batches.wait(batch)
        return done.status, len(list(client.batches.results(done)))

    with blocking.client() as client, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: one(client, number), range(6)))
        assert len(ledger_threads()) == 1
    assert found == [("completed", number + 1) for number in range(6)]
    assert blocking.created() == 6
    assert ledger_threads() == []


def test_a_blocking_client_is_used_inside_a_running_loop(blocking: Tracked) -> None:
    async def main() -> None:
        with blocking.client() as client:
            batch = client.batches.create(client.files.create(chat_lines(1)), CHAT)
            assert client.batches.wait(batch).status == "completed"

    asyncio.run(main())


def test_an_async_client_is_used_by_one_loop_after_another(awaiting: Tracked) -> None:
    client = awaiting.client()
    batch = asyncio.run(ended(client))

    async def again() -> None:
        items, proof = await rows(client, batch)
        assert (len(items), proof.complete) == (3, True)
        await client.close()

    asyncio.run(again())
    gc.collect()  # connections that a loop had left open would warn, and warnings are errors


def test_an_async_client_is_used_by_two_loops_at_once(awaiting: Tracked) -> None:
    client = awaiting.client()
    both = threading.Barrier(2)

    async def body(number: int) -> Any:
        batch = await begun(client, chat_lines(number))
        await asyncio.to_thread(both.wait, 20)
        done = await client.batches.wait(batch)
        await asyncio.to_thread(both.wait, 20)
        # closing on one loop leaves the other one's ledger open
        if number == 1:
            await client.close()
        await asyncio.to_thread(both.wait, 20)
        counts = (await client.batches.retrieve(done)).request_counts
        assert counts is not None
        return counts.completed

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda number: asyncio.run(body(number)), (1, 2)))
    assert found == [1, 2]
    assert awaiting.created() == 2


def test_a_client_that_was_closed_opens_its_ledger_again(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        await settled(client.close())
        await settled(client.close())
        assert ledger_threads() == []
        assert (await settled(client.batches.wait(batch))).status == "completed"

    tracked.run(body)
    assert ledger_threads() == []


def test_a_client_that_was_never_used_has_no_thread_to_close(blocking: Tracked) -> None:
    client = blocking.client()
    assert ledger_threads() == []
    client.close()


def test_results_that_were_left_unread_leave_nothing_open(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await ended(client, chat_lines(600))
        results = client.batches.results(batch)
        if tracked.colour == "async":
            items = aiter(results)
            assert (await anext(items)).custom_id == "r-0"
            await items.aclose()
        else:
            blocking = iter(results)
            assert next(blocking).custom_id == "r-0"
            del blocking
        assert results.completeness is None
        _, proof = await rows(client, batch)
        assert proof.complete

    tracked.run(body)


def test_what_is_iterated_over_when_the_client_closes_ends_there(blocking: Tracked) -> None:
    client = blocking.client()
    batch = client.batches.create(client.files.create(chat_lines(600)), CHAT)
    items = iter(client.batches.results(client.batches.wait(batch)))
    assert next(items).custom_id == "r-0"
    client.close()
    with pytest.raises(RuntimeError, match="closed while it was used"):
        list(items)
    del items
    assert ledger_threads() == []


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set when the tracker works; it then hangs, until it is cancelled."""
    begun = threading.Event()

    async def step(_: Tracker) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "step", step)
        yield begun


def test_closing_a_blocking_client_ends_what_others_do_with_it(
    blocking: Tracked, hanging: threading.Event
) -> None:
    client = blocking.client()
    batch = client.batches.create(client.files.create(chat_lines(1)), CHAT)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.batches.wait, batch)
        assert hanging.wait(20)
        client.close()
        with pytest.raises(RuntimeError, match="the client was closed while it was used"):
            waiting.result(20)
    assert ledger_threads() == []


def test_closing_an_async_client_ends_what_others_do_with_it(
    awaiting: Tracked, hanging: threading.Event
) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        waiting = asyncio.create_task(client.batches.wait(batch))
        assert await asyncio.to_thread(hanging.wait, 20)
        await client.close()
        with pytest.raises(RuntimeError, match="the client was closed while it was used"):
            await asyncio.wait_for(waiting, 20)

    awaiting.run(body)


def test_two_clients_of_one_process_share_a_ledger(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        other: Any = AsyncClient(
            "openai",
            api_key=KEY,
            base_url=f"{tracked.url}/v1",
            clock=tracked.clock,
            ledger=tracked.ledger,
        )
        async with other:
            mine = await begun(client)
            theirs = await begun(other, chat_lines(2))
            assert (await other.batches.wait(mine)).status == "completed"
            assert (await settled(client.batches.wait(theirs))).status == "completed"
            assert {one.id for one in await settled(client.batches.list())} == {mine.id, theirs.id}

    tracked.run(body)
    assert tracked.created() == 2


@pytest.fixture
def service(ledger: Path) -> Iterator[tuple[OpenAIEmulator, str, Path]]:
    """For processes, which have the machine's clock."""
    emulator = OpenAIEmulator()
    with emulator.serve() as server:
        yield emulator, server.url, ledger


def script(name: str, url: str, ledger: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*python(), "-m", "tests.client.tracked.scripts", name, url, str(ledger)],
        cwd=ROOT,
        env={**os.environ, **FAST},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", ["waits", "waits_async"])
def test_who_is_interrupted_leaves_a_ledger_that_the_next_process_takes_up(
    service: tuple[OpenAIEmulator, str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, url, ledger = service
    running = script(name, url, ledger)
    assert running.stdout is not None
    seen: list[str] = []
    while not seen or seen[1] == "validating":
        seen = running.stdout.readline().split()
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert "never awaited" not in errors
    assert "Traceback" in errors
    monkeypatch.setenv("BATCHYARD_LEDGER__POLL_FIRST", "0.1")
    with Client("openai", api_key=KEY, base_url=f"{url}/v1", ledger=ledger) as client:
        done = client.batches.wait(seen[0], wait_timeout=20)
        assert (done.status, len(list(client.batches.results(done)))) == ("completed", 3)
    assert len(emulator.requests.matching("POST", "/v1/batches")) == 1


def test_two_processes_share_a_ledger_and_do_nothing_twice(
    service: tuple[OpenAIEmulator, str, Path],
) -> None:
    emulator, url, ledger = service
    running = [script("makes_many", url, ledger) for _ in range(2)]
    ids = []
    for one in running:
        written, errors = one.communicate(timeout=60)
        assert one.returncode == 0, errors
        ids.append([line.split() for line in written.splitlines()])
    assert ids[0] == ids[1], "the same keys are the same batches"
    assert {status for _, status in ids[0]} == {"completed"}
    assert len(emulator.requests.matching("POST", "/v1/batches")) == 4


@pytest.mark.parametrize("name", ["closes_nothing", "closes_nothing_async"])
def test_a_program_that_closes_nothing_ends_in_peace(
    service: tuple[OpenAIEmulator, str, Path], name: str
) -> None:
    _, url, ledger = service
    written, errors = script(name, url, ledger).communicate(timeout=30)
    assert written == "unclosed\n", errors
    assert [line for line in errors.splitlines() if not line.startswith("nobody follows")] == []
