"""Accounts that asked to be left alone for a day, and the operator who knows better."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from batchyard.cli import main
from batchyard.errors import NotFoundError
from batchyard.ledger.database import Database
from batchyard.ledger.jobs import wait_for_account
from batchyard.ledger.jobs._moves import due_at, move
from batchyard.ledger.parking import Parked, alone_until, leave_alone, parked, unpark
from batchyard.ledger.parts import transaction
from tests.ledger.life.place import SQLITE, Place, created, follow, job_of, settled

pytestmark = pytest.mark.anyio

DAY = 86_400


@SQLITE
async def test_what_waits_for_a_parked_account_is_sent_as_soon_as_an_operator_ends_it(
    place: Place,
) -> None:
    emulator = place.emulate()
    day = emulator.faults.add(f"POST /v1/batches 429 retry-after={DAY}")
    async with place.open() as ledger:
        began = place.clock.now()
        batches = [await created(ledger) for _ in range(3)]
        await ledger.tracker.step()
        await ledger.tracker.step()
        assert day.fired == 1
        last = await created(ledger)
        await ledger.tracker.step()
        # as a command does, with nothing but the database
        async with Database(place.url, place.clock) as db:
            (found,) = await parked(db)
            assert found == Parked("openai", found.until, found.jobs)
            assert DAY - 60 < found.until - began < DAY + 60
            assert found.jobs >= 2
            assert (await unpark(db, "openai")).jobs == found.jobs
            assert await parked(db) == []
            with pytest.raises(NotFoundError, match="not parked"):
                await unpark(db, "openai")
        for batch in (*batches, last):
            assert (await settled(ledger, batch.id)).status == "completed"
        assert place.clock.now() - began < 3600


@SQLITE
async def test_an_account_that_asks_again_is_left_alone_again_and_others_are_not_touched(
    place: Place,
) -> None:
    emulator = place.emulate()
    day = emulator.faults.add(f"POST /v1/batches 429 retry-after={DAY} times=2")
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        db = ledger.parts.db
        await leave_alone(db, "other", DAY)
        await unpark(db, "openai")
        await follow(ledger, beyond=7200.0)
        assert day.fired == 2
        assert [one.account for one in await parked(db)] == ["openai", "other"]
        assert (await job_of(ledger, batch.id)).state == "uploaded"
        assert (await settled(ledger, batch.id)).status == "completed"


async def test_who_puts_a_job_off_as_it_is_ended_leaves_none_behind(place: Place) -> None:
    """On both databases: here it is the locks that decide."""
    async with place.open() as ledger:
        job = await job_of(ledger, (await created(ledger)).id)
        parts, now = ledger.parts, place.clock.now()
        await leave_alone(parts.db, job.account, DAY)
        async with transaction(parts) as tx:
            until = await alone_until(tx.connection, now, job.account)
            assert until is not None
            ending = asyncio.create_task(unpark(parts.db, job.account))
            # it gets as far as it can while this is not written yet
            await asyncio.wait({ending}, timeout=0.3)
            await move(tx, job, "pending", next_at=due_at(job, until))
        assert (await ending).jobs == 1
        assert (await job_of(ledger, job.batch_id)).next_at == now


@SQLITE
async def test_a_wait_that_is_over_by_the_time_it_would_begin_does_not_begin(place: Place) -> None:
    async with place.open() as ledger:
        job = await job_of(ledger, (await created(ledger)).id)
        parts, now = ledger.parts, place.clock.now()
        await leave_alone(parts.db, job.account, DAY)
        await unpark(parts.db, job.account)
        await wait_for_account(parts, job)
        assert (await job_of(ledger, job.batch_id)).next_at == job.next_at
        # and it begins where it was not ended
        await leave_alone(parts.db, job.account, DAY)
        await wait_for_account(parts, job)
        assert (await job_of(ledger, job.batch_id)).next_at == now + DAY


@SQLITE
async def test_the_command_lists_what_is_parked_and_ends_it(place: Place) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(main, ["ledger", *arguments, "--ledger", place.url])
        return done.exit_code, done.stdout, done.stderr

    async with Database(place.url) as db:  # by the time of the command
        assert await asyncio.to_thread(run, "parked") == (0, "No account is parked.\n", "")
        await leave_alone(db, "azure-eu", DAY)
        await leave_alone(db, "other", DAY)
        code, said, _ = await asyncio.to_thread(run, "parked")
        assert (code, said.count("0 jobs wait")) == (0, 2)
        code, said, _ = await asyncio.to_thread(run, "parked", "--json")
        found = json.loads(said)["parked"]
        assert [(one["account"], one["jobs"]) for one in found] == [("azure-eu", 0), ("other", 0)]
        assert found[0]["until"].endswith("Z")
        code, said, _ = await asyncio.to_thread(run, "unpark", "azure-eu")
        assert (code, said) == (0, "azure-eu is sent batches again; 0 jobs are due.\n")
        code, said, wrong = await asyncio.to_thread(run, "unpark", "azure-eu")
        assert (code, said) == (1, "")
        assert "account 'azure-eu' is not parked" in wrong
        code, said, _ = await asyncio.to_thread(run, "unpark", "other", "--json")
        assert json.loads(said) == found[1]
