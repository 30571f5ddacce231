"""Settling beside an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from batchyard.errors import BatchyardError
from batchyard.ledger.settlement import SettleTask, run_settle, stop_settling
from batchyard.lines import ResultLine
from batchyard.models import Usage
from tests.settlement.files import Desk, answer, request


@pytest.fixture(autouse=True)
def no_worker() -> Iterator[None]:
    yield
    stop_settling()


@pytest.fixture
def task(desk: Desk) -> SettleTask:
    return desk.task(map(request, "abc"), desk.job(map(answer, "cab")))


@pytest.mark.parametrize("where", ["thread", "process"])
def test_it_settles(desk: Desk, task: SettleTask, where: str) -> None:
    settled = asyncio.run(run_settle(task, in_process=where == "process"))
    assert desk.outcome(task, settled).outcomes == {"ok": 3}


def where_it_ran(line: ResultLine) -> Usage:
    """A reader that tells."""
    del line
    return Usage(os.getpid(), 0)


def test_the_process_is_another_and_it_stays(desk: Desk) -> None:
    async def twice() -> list[int]:
        pids = []
        for _ in range(2):
            one = desk.task([request("a")], desk.job([answer("a")]))
            settled = await run_settle(replace(one, usage_of=where_it_ran), in_process=True)
            pids.append(settled.usage.input_tokens)
        return pids

    first, second = asyncio.run(twice())
    assert first == second != os.getpid()


def test_what_cannot_be_sent_to_a_process_is_settled_in_a_thread(desk: Desk) -> None:
    desk.read = lambda line: where_it_ran(line)  # noqa: PLW0108 - a closure, as plugins have them
    task = desk.task([request("a")], desk.job([answer("a")]))
    settled = asyncio.run(run_settle(task, in_process=True))
    assert settled.usage.input_tokens == os.getpid()


def die(line: ResultLine) -> Usage:
    del line
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it lives")


def test_a_worker_that_dies_costs_one_attempt_and_the_next_one_is_fresh(desk: Desk) -> None:
    async def main() -> int:
        task = desk.task([request("a")], desk.job([answer("a")]))
        with pytest.raises(BatchyardError, match="died") as caught:
            await run_settle(replace(task, usage_of=die), in_process=True)
        assert caught.value.retryable
        again = desk.task([request("a")], desk.job([answer("a")]))
        return (await run_settle(again, in_process=True)).output.lines

    assert asyncio.run(main()) == 1


def test_the_kernel_brings_no_database_and_no_http() -> None:
    program = (
        "import sys, batchyard.ledger.settlement;"
        "print({'sqlalchemy', 'httpx', 'stevedore'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout.strip() == "set()"


def test_memory_does_not_grow_with_the_files() -> None:
    """Every way the files can be odd is in them; one that is sorted in memory is not enough."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.settlement.large"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines, grown = run.stdout.split()
    assert int(lines) == 100_000
    assert float(grown) < 32
