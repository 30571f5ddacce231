"""The ledger under anything that may happen, in any order: faults, deaths, cancels, time.

Found by chance, replayed the same each time; ``make test-all`` looks much further.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from batchyard.ledger import Ledger
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.states import MOVES, PHASES
from batchyard.ledger.tables import batches, deliveries, jobs, settlements
from batchyard.testing import ManualClock
from tests.client.requests import chat_lines
from tests.ledger.conftest import migrated
from tests.ledger.life.mortal import Doom, Killed, MortalDriver, bury, doomed
from tests.ledger.life.place import Place, books, created, follow, made_at, types_told
from tests.ledger.life.test_deaths import Kept

T = TypeVar("T")

FAULTS = (
    "POST /v1/files lost",
    "POST /v1/files 503 times=4",
    "POST /v1/files reset",
    "POST /v1/batches lost",
    "POST /v1/batches 500",
    "POST /v1/batches reset",
    "POST /v1/batches malformed",
    "POST /v1/batches 429 times=3 retry-after=5",
    "GET /v1/batches 503 times=7",
    "GET /v1/batches 401 times=2",
    "GET /v1/batches/* 500 times=5",
    "GET /v1/batches/* 404 times=3",
    "GET /v1/batches/* malformed times=2",
    "GET /v1/files/*/content 503 times=4",
    "GET /v1/files/*/content truncate=300 times=2",
    "GET /v1/files/*/content 404 times=2",
    "POST /v1/batches/*/cancel 503 times=4",
    "POST /v1/batches/*/cancel lost",
    "* /** reset times=3",
)

QUIRKS = (
    "late-output-file=3",
    "late-batch=2",
    "cancel-ends-completed",
    "empty-string-file-ids",
    "flaky-rows=0.5",
    "blank-rows=1",
    "zero-status-rows=1",
)


@functools.cache
def template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="batchyard-machine-")) / "template.db"

    asyncio.run(migrated(str(path)))
    return path


def reachable(moves: Any, start: Any) -> set[Any]:
    """Where moves lead from here, in any number."""
    found, new = {start}, {start}
    while new:
        new = {after for one in new for after in moves[one]} - found
        found |= new
    return found


class Life(RuleBasedStateMachine):
    """Clients and a worker that dies now and then, on a provider that misbehaves."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="batchyard-life-"))
        shutil.copy(template(), self.folder / "ledger.db")
        self.place = Place(str(self.folder / "ledger.db"), self.folder, ManualClock())
        self.emulator = self.place.emulate(time_scale=0.3)
        self.kept = Kept()
        self.ids: list[str] = []
        self.states: dict[str, Any] = {}
        self.scope = AsyncExitStack()
        self.ledger: Ledger
        self.run(self.open())

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(task)

    async def open(self) -> None:
        setup = self.place.setup(
            accounts=[self.place.served(driver=MortalDriver)], sinks={"kept": self.kept}
        )
        self.ledger = await self.scope.enter_async_context(self.place.open(setup, poll_most=600.0))

    @rule(lines=st.integers(1, 4))
    def a_batch_is_created(self, lines: int) -> None:
        if len(self.ids) < 6:
            self.ids.append(self.run(created(self.ledger, lines)).id)

    @rule()
    def a_bad_batch_is_created(self) -> None:
        if len(self.ids) < 6:
            bad = chat_lines(2, model="no-such-model")
            self.ids.append(self.run(created(self.ledger, bad)).id)

    @rule()
    def the_worker_does_what_is_due(self) -> None:
        self.run(self.ledger.tracker.step())

    @rule(seconds=st.sampled_from([1, 6, 20, 61, 130, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.place.clock.advance(seconds)
        self.run(self.ledger.tracker.step())

    @rule(which=st.integers(0, 5))
    def a_batch_is_cancelled(self, which: int) -> None:
        if which < len(self.ids):
            self.run(self.ledger.cancel_batch(self.ids[which]))

    @rule(fault=st.sampled_from(FAULTS))
    def the_provider_misbehaves(self, fault: str) -> None:
        self.emulator.faults.add(fault)

    @rule(quirk=st.sampled_from(QUIRKS))
    def the_provider_has_an_oddity(self, quirk: str) -> None:
        self.emulator.quirks.enable(quirk)

    @rule(at=st.integers(0, 9))
    def the_worker_dies(self, at: int) -> None:
        self.run(self.die(at))

    async def die(self, at: int) -> None:
        doom = Doom(at)
        doomed(self.ledger, doom)
        with suppress(Killed):
            await self.ledger.tracker.step()
        await bury(doom)
        await self.scope.aclose()
        self.scope = AsyncExitStack()
        await self.open()

    @invariant()
    def states_only_move_forward(self) -> None:
        found_batches, found_jobs, settled = self.run(self.rows())
        for one in found_batches:
            before = self.states.get(one.id, "open")
            assert one.phase in reachable(PHASES, before)
            self.states[one.id] = one.phase
            assert (one.phase == "settled") == (one.id in settled)
            terminal = one.status in {"completed", "failed", "expired", "cancelled"}
            assert terminal == (one.phase == "settled")
        open_ids = {one.id for one in found_batches if one.phase == "open"}
        for job in found_jobs:
            assert job.state in reachable(MOVES, self.states.get(job.id, "pending"))
            self.states[job.id] = job.state
            assert job.state == "ended" or job.batch_id in open_ids

    @invariant()
    def no_job_has_two_batches_at_its_provider(self) -> None:
        made = Counter(one.order.input_file_id for one in self.emulator._board.all())
        assert max(made.values(), default=0) <= 1

    async def rows(self) -> tuple[list[BatchRecord], list[JobRecord], set[str]]:
        async with self.ledger.parts.db.reading() as connection:
            found = (await connection.execute(select(batches))).mappings()
            first = [BatchRecord.of(row) for row in found]
            second = [
                JobRecord.of(row) for row in (await connection.execute(select(jobs))).mappings()
            ]
            where = settlements.c.number == 0
            query = select(settlements.c.batch_id).where(where)
            return first, second, set((await connection.execute(query)).scalars())

    def teardown(self) -> None:
        try:
            self.run(self.end())
        finally:
            self.run(self.scope.aclose())
            self.loop.close()
            self.place.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def end(self) -> None:
        """All is quiet: everything is settled once, told once, and adds up."""
        self.emulator.faults.clear()
        self.place.clock.advance(200)
        await follow(self.ledger, steps=1500)
        found, own_jobs, _ = await self.rows()
        assert sorted(one.id for one in found) == sorted(self.ids)
        assert all(one.phase == "settled" for one in found)
        tokens = [0, 0]
        for one in found:
            receipt = await self.ledger.receipt(one.id)
            tokens[0] += receipt.usage.input_tokens
            tokens[1] += receipt.usage.output_tokens
            assert sum(receipt.proof.outcomes.values()) == receipt.proof.lines == one.total
            types = await types_told(self.ledger, one.id)
            ends = [name for name in types if name.startswith("batch_") and "status" not in name]
            assert len([name for name in ends if name != "batch_adjusted"]) == 1
            assert types.count("acreate_batch") <= 1
        assert tuple(tokens) == books(self.emulator)
        at_provider = {one.id for one in made_at(self.emulator)}
        assert at_provider == {one.provider_batch_id for one in own_jobs} - {None}
        async with self.ledger.parts.db.reading() as connection:
            waiting = select(deliveries.c.number).where(deliveries.c.state != "delivered")
            assert (await connection.execute(waiting)).all() == []


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_whatever_happens_every_batch_is_settled_once_and_adds_up() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=10,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=QUIET,
        ),
    )


@pytest.mark.slow
def test_whatever_happens_for_long_every_batch_is_settled_once_and_adds_up() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=QUIET,
        ),
    )
