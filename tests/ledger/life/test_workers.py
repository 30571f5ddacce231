"""Several workers on one ledger, and what goes on around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from batchyard.errors import ConfigError
from batchyard.hookspecs import hookimpl
from batchyard.ledger import Ledger, Setup
from batchyard.ledger.jobs import observe
from batchyard.ledger.jobs._moves import moved
from batchyard.ledger.leasing import LEASE, Overtaken, claim
from batchyard.ledger.settling import _counting as counting
from batchyard.ledger.settling import _settling
from batchyard.ledger.settling import settle as settle_batch
from batchyard.ledger.settling._claiming import claim_all
from batchyard.ledger.tables import files, jobs, settlements
from batchyard.models import BatchEvent, Event, Ref
from tests.ledger.life.place import (
    Place,
    books,
    content,
    created,
    follow,
    job_of,
    jobs_of,
    made_at,
    settled,
    told,
    types_told,
)

pytestmark = pytest.mark.anyio


async def rows_in(ledger: Ledger, table: Any) -> int:
    async with ledger.parts.db.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def ended(ledger: Ledger, batch_id: str) -> None:
    async def condition() -> bool:
        return (await ledger.batch(batch_id)).phase == "ended"

    await follow(ledger, condition)


@asynccontextmanager
async def meanwhile(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Do something once in the middle of a settlement, when its files have been counted."""
    waiting = _settling._wait_for_more
    done = False

    async def first(*arguments: Any) -> bool:
        nonlocal done
        if not done:
            done = True
            await act()
        return await waiting(*arguments)

    monkeypatch.setattr(_settling, "_wait_for_more", first)
    yield


async def test_two_workers_settle_a_batch_once(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as first, place.open() as second:
        made = [await created(first, 2) for _ in range(6)]
        for one in made:
            await ended(first, one.id)
        done = await asyncio.gather(
            *(settle_batch(one.parts, batch.id) for batch in made for one in (first, second) * 2)
        )
        assert sum(done) == 6
        assert await rows_in(first, settlements) == 6
        for one in made:
            assert (await types_told(first, one.id)).count("batch_success") == 1
        # one file of each batch, besides the input
        assert await rows_in(first, files) == 12
        total = [await first.receipt(one.id) for one in made]
        assert sum(one.usage.total_tokens for one in total) == sum(books(emulator))


async def test_a_settlement_whose_worker_was_overtaken_is_not_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept through its lease, and another worker has settled the batch since."""
    place.emulate()
    async with place.open() as slow, place.open() as quick:
        batch = await created(slow)
        await ended(slow, batch.id)

        async def overtake() -> None:
            place.clock.advance(LEASE + 1)
            assert await settle_batch(quick.parts, batch.id)

        async with meanwhile(monkeypatch, overtake):
            assert not await settle_batch(slow.parts, batch.id)
        assert len(await quick.receipts(batch.id)) == 1
        assert (await types_told(quick, batch.id)).count("batch_success") == 1
        done = await quick.retrieve_batch(batch.id)
        assert len((await content(quick, done.output_file_id)).splitlines()) == 3
        # nothing remains of what the slow one had written
        outputs = {path.parent.name for path in (place.folder / "store").glob("*/*/offsets.index")}
        outputs |= {path.parent.name for path in (place.folder / "store").glob("*/offsets.index")}
        assert outputs == {done.output_file_id}


async def test_a_settlement_is_not_written_once_another_worker_is_at_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch alone decides: the other has written nothing yet."""
    place.emulate()
    async with place.open() as slow, place.open() as quick:
        batch = await created(slow)
        await ended(slow, batch.id)

        async def overtake() -> None:
            place.clock.advance(LEASE + 1)
            (claimed,) = await claim_all(quick.parts, [batch.id])
            assert claimed is not None

        async with meanwhile(monkeypatch, overtake):
            assert not await settle_batch(slow.parts, batch.id)
        assert await quick.receipts(batch.id) == []
        assert (await quick.batch(batch.id)).phase == "ended"
        place.clock.advance(LEASE + 1)
        assert (await settled(quick, batch.id)).status == "completed"
        assert len(await quick.receipts(batch.id)) == 1


async def test_a_worker_whose_lease_ran_out_cannot_write(place: Place) -> None:
    place.emulate()
    async with place.open() as slow, place.open() as quick:
        batch = await created(slow)
        job = await job_of(slow, batch.id)
        epoch = await claim(slow.parts, jobs, job.id, jobs.c.state == "pending")
        assert epoch is not None
        assert await claim(quick.parts, jobs, job.id, jobs.c.state == "pending") is None
        place.clock.advance(LEASE + 1)
        taken = await claim(quick.parts, jobs, job.id, jobs.c.state == "pending")
        assert taken == epoch + 1
        with pytest.raises(Overtaken):
            await moved(slow.parts, replace(job, epoch=epoch), "uploading")
        assert (await job_of(quick, batch.id)).state == "pending"
        await moved(quick.parts, replace(job, epoch=taken), "uploading")
        assert (await job_of(quick, batch.id)).state == "uploading"


async def test_a_job_that_has_ended_is_not_observed_again(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        before = await job_of(ledger, batch.id)
        served = ledger.parts.accounts.get("openai")
        ref = Ref(before.provider_batch_id or "")
        seen = await served.run(served.account.retrieve_batch(served.call("x"), ref))
        await ended(ledger, batch.id)
        # an answer that was under way all the time
        assert await observe(ledger.parts, before, seen) is None
        assert (await job_of(ledger, batch.id)).status == "completed"
        assert len(made_at(emulator)) == 1


async def test_three_workers_that_run_bring_all_batches_to_their_end(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as first, place.open() as second, place.open() as third:
        ids = [(await created(first, 2)).id for _ in range(12)]
        assert await first.followed_by() is None
        running = [asyncio.create_task(one.tracker.run()) for one in (first, second, third)]
        try:
            async with asyncio.timeout(60):
                while await rows_in(first, settlements) < 12:  # noqa: ASYNC110 - others write it
                    await asyncio.sleep(0.01)
            assert await first.followed_by() is not None
        finally:
            for one in (first, second, third):
                one.tracker.stop()
            await asyncio.gather(*running)
        assert await first.followed_by() is None
        assert len(made_at(emulator)) == 12
        for batch_id in ids:
            assert len(await jobs_of(first, batch_id)) == 1
            types = await types_told(first, batch_id)
            assert types[0] == "acreate_batch"
            assert types[-1] == "batch_success"
        total = [await first.receipt(one) for one in ids]
        assert sum(one.usage.total_tokens for one in total) == sum(books(emulator))


async def test_the_reply_to_a_create_says_who_follows(place: Place) -> None:
    place.emulate()
    async with place.open() as here, place.open() as there:
        assert (await created(here, 1)).tracked_by is None
        await there.tracker._say_alive()
        assert (await created(here, 1)).tracked_by == f"worker {there.parts.holder}"
        await here.tracker._say_alive()
        assert (await created(here, 1)).tracked_by == "this process"
        place.clock.advance(31)
        assert (await created(here, 1)).tracked_by is None


async def test_a_sink_that_fails_is_told_in_order_when_it_is_back(place: Place) -> None:
    class Moody:
        def __init__(self) -> None:
            self.failing = True
            self.told: list[Event] = []

        @hookimpl
        async def deliver(self, event: Event) -> None:
            if self.failing and isinstance(event, BatchEvent):
                raise OSError("no route")
            self.told.append(event)

    place.emulate()
    moody, other = Moody(), Moody()
    other.failing = False
    async with place.open(place.setup(sinks={"moody": moody, "other": other})) as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
        await ledger.tracker.step()
        ids = [one.id for one in await told(ledger, batch.id)]
        assert [one.id for one in other.told if isinstance(one, BatchEvent)] == ids
        assert [one for one in moody.told if isinstance(one, BatchEvent)] == []
        moody.failing = False
        await follow(ledger)
        assert [one.id for one in moody.told if isinstance(one, BatchEvent)] == ids


async def test_a_listener_hears_what_was_written_down_and_nothing_else(place: Place) -> None:
    heard: list[Event] = []
    place.emulate()
    served = place.served()
    async with place.open(place.setup(accounts=[served])) as ledger:
        observation = served.account.observe(heard.append)
        batch = await created(ledger)
        await follow(ledger)
        served.account.flush()
        observation.stop()
        mine = [one.id for one in heard if isinstance(one, BatchEvent)]
        assert mine == [one.id for one in await told(ledger, batch.id)]


async def test_a_usage_reader_that_fails_leaves_its_lines_unpriced(place: Place) -> None:
    """It is a plugin's: one that is broken must not keep a batch from its end."""

    def broken(result: object) -> Any:
        raise ValueError(f"what is {result!r}?"[:50])

    place.emulate()
    served = place.served()
    object.__setattr__(served.account, "usage_reader", lambda _endpoint: broken)
    async with place.open(place.setup(accounts=[served])) as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        receipt = await ledger.receipt(batch.id)
        assert (receipt.state, receipt.cost) == ("unpriced", None)
        assert receipt.proof.outcomes == {"ok": 3}


async def test_what_goes_wrong_in_one_settlement_is_tried_again_later_and_stops_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.emulate()
    async with place.open() as ledger:
        good, bad = await created(ledger), await created(ledger)
        for one in (good, bad):
            await ended(ledger, one.id)
        count = counting.count
        tries = 0

        def unsound(parts: Any, batch: Any, jobs: Any) -> Any:
            nonlocal tries
            if batch.id == bad.id:
                tries += 1
                raise ZeroDivisionError("a mistake of ours")
            return count(parts, batch, jobs)

        monkeypatch.setattr(_settling, "count", unsound)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 1800

        await follow(ledger, later)
        assert (await ledger.retrieve_batch(good.id)).status == "completed"
        waiting = await ledger.batch(bad.id)
        assert waiting.phase == "ended"
        assert waiting.reason is not None
        assert "a mistake of ours" in waiting.reason
        # not in a tight loop
        assert 5 < tries < 30
        monkeypatch.undo()
        assert (await settled(ledger, bad.id)).status == "completed"


async def test_an_account_that_is_not_here_is_left_to_a_worker_that_has_it(place: Place) -> None:
    place.emulate()
    async with place.open() as first:
        batch = await created(first)
    async with place.open(Setup(clock=place.clock, registry=place.setup().registry)) as without:
        without.parts.accounts._default = None
        without.parts.accounts._make = _none
        for _ in range(20):
            await without.tracker.step()
            place.clock.advance(10)
        assert (await job_of(without, batch.id)).state == "pending"
    async with place.open() as with_it:
        assert (await settled(with_it, batch.id)).status == "completed"


def _none(name: str | None) -> Any:
    raise ConfigError(f"no account {name}")
