"""Requests of which nobody knows whether they were carried out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from batchyard.drivers import AsyncDriver
from batchyard.effects import Plan
from batchyard.emulators import Fault, Replace
from batchyard.ledger import Ledger
from batchyard.models import BatchRequest, FileUpload, Ref
from batchyard.steps import BytesSource
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
    CHAT,
    SQLITE,
    Place,
    books,
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

T = TypeVar("T")

NOTHING = json.dumps({"object": "list", "data": [], "has_more": False}).encode()


def files_at(emulator: Any) -> list[Any]:
    return list(emulator._shelf.all(emulator.clock.now(), "batch"))


def blind(emulator: Any) -> None:
    """The service's list does not show batches yet."""
    emulator.faults.add(Fault("GET", "/v1/batches", Replace(NOTHING), times=None))


async def tracking(ledger: Ledger, batch_id: str) -> None:
    async def condition() -> bool:
        return all(one.state == "tracking" for one in await jobs_of(ledger, batch_id))

    await follow(ledger, condition)


@SQLITE
@pytest.mark.parametrize(
    "fault",
    [
        "POST /v1/files lost",
        "POST /v1/files lost times=4",
        "POST /v1/files reset times=4",
        "POST /v1/files 503 times=4",
        "POST /v1/batches lost",
        "POST /v1/batches reset",
        "POST /v1/batches 500 times=2",
        "POST /v1/batches malformed",
        "POST /v1/batches 429 times=3 retry-after=7",
        "POST /v1/batches 409",
    ],
)
async def test_one_file_and_one_batch_are_made_whatever_becomes_of_the_replies(
    place: Place, fault: str
) -> None:
    emulator = place.emulate()
    emulator.faults.add(fault)
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        assert len(made_at(emulator)) == 1
        assert len(files_at(emulator)) == 1
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert len(await jobs_of(ledger, batch.id)) == 1
        assert (await types_told(ledger, batch.id)).count("acreate_batch") == 1


@SQLITE
async def test_a_file_is_looked_for_among_those_that_came_after_its_upload(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        waiting = await created(ledger)
        place.clock.advance(3600)
        served = ledger.parts.accounts.get("openai")
        upload = FileUpload(BytesSource(chat_lines(1)), "in.jsonl")
        for _ in range(120):
            await served.run(served.account.upload_file(served.call("another"), upload))
        place.clock.advance(3600)
        emulator.faults.add("POST /v1/files 503 times=4")
        await ledger.tracker.step()
        assert (await job_of(ledger, waiting.id)).state == "uploading"
        place.clock.advance(3600)
        await settled(ledger, waiting.id)
        assert len(emulator.requests.matching("POST", "/v1/files")) == 120 + 5
        # a page has a hundred: no second one was read
        looks = emulator.requests.matching("GET", "/v1/files")
        assert looks
        assert not [one for one in looks if "after=" in one.query]


async def test_a_lost_create_is_not_sent_again_while_nobody_can_look_for_it(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("POST /v1/batches lost")
    outage = emulator.faults.add("GET /v1/batches 503 times=always")
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def long_after() -> bool:
            return place.clock.now() > began + 1800

        await follow(ledger, long_after)
        job = await job_of(ledger, batch.id)
        assert job.state == "creating"
        assert job.reason
        # with growing pauses
        assert 5 < outage.fired < 60
        assert len(emulator.requests.matching("POST", "/v1/batches")) == 1

        emulator.faults.clear()
        await settled(ledger, batch.id)
        assert len(made_at(emulator)) == 1


@SQLITE
@pytest.mark.parametrize("status", [401, 403, 404, 429])
async def test_a_look_that_is_refused_says_nothing_of_the_create(place: Place, status: int) -> None:
    emulator = place.emulate(time_scale=1)
    emulator.faults.add("POST /v1/batches lost")
    emulator.faults.add(f"GET /v1/batches {status} times=200")
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 300

        await follow(ledger, later)
        assert (await job_of(ledger, batch.id)).state == "creating"
        emulator.faults.clear()
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert len(made_at(emulator)) == 1


async def test_of_two_batches_with_one_file_the_younger_is_cancelled_and_both_are_settled(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1.5, quirks=["cancel-ends-completed"])
    emulator.faults.add("POST /v1/batches lost")
    blind(emulator)
    async with place.open(poll_first=60.0) as ledger:
        batch = await created(ledger, 600)
        await tracking(ledger, batch.id)
        older, younger = made_at(emulator)
        assert (await job_of(ledger, batch.id)).provider_batch_id == younger.id
        emulator.faults.clear()
        await follow(ledger)

        first, second = await jobs_of(ledger, batch.id)
        assert (first.provider_batch_id, second.provider_batch_id) == (older.id, younger.id)
        assert (first.twin_of, second.twin_of) == (None, first.id)
        cancelled = emulator.requests.matching("POST", "/v1/batches/*/cancel")
        assert {one.path.split("/")[3] for one in cancelled} == {younger.id}

        done = await ledger.retrieve_batch(batch.id)
        assert done.status == "completed"
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed) == (600, 600)
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.outcomes == {"ok": 600}
        assert receipt.proof.duplicates == 600
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        reasons = [one.reason for one in await told(ledger, batch.id) if one.reason]
        assert len(reasons) == 1
        assert older.id in reasons[0]
        assert younger.id in reasons[0]


@SQLITE
async def test_a_twin_is_found_where_the_first_create_is_carried_out_late(place: Place) -> None:
    """What is found first is the second create's, and the first's must not run on unseen."""
    emulator = place.emulate(time_scale=10)
    emulator.faults.add("POST /v1/batches 500")
    lost = emulator.faults.add("POST /v1/batches lost")
    # so that nothing is found before both are there
    away = emulator.faults.add("GET /v1/batches 503 times=always", after=lost)
    async with place.open(poll_first=60.0) as ledger:
        batch = await created(ledger, 600)

        async def looked_for() -> bool:
            return bool(away.fired)

        await follow(ledger, looked_for)
        served = ledger.parts.accounts.get("openai")
        job = await job_of(ledger, batch.id)
        call = served.call(job.id, batch=batch.id, marker=job.marker)
        order = BatchRequest(Ref(job.provider_file_id or ""), CHAT, own_input=True)
        place.clock.advance(3)
        late = await served.run(served.account.create_batch(call, order))
        emulator.faults.clear()
        await follow(ledger)
        found, _ = made_at(emulator)
        first, second = await jobs_of(ledger, batch.id)
        assert (first.provider_batch_id, second.provider_batch_id) == (found.id, late.id)
        assert (first.twin_of, second.twin_of) == (None, first.id)
        cancelled = emulator.requests.matching("POST", "/v1/batches/*/cancel")
        assert {one.path.split("/")[3] for one in cancelled} == {late.id}
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)


@SQLITE
async def test_a_twin_is_looked_for_before_a_quick_end_is_written_down(place: Place) -> None:
    """The batch is over before the time at which a twin is looked for."""
    emulator = place.emulate()
    emulator.faults.add("POST /v1/batches lost")
    blind(emulator)
    async with place.open() as ledger:
        batch = await created(ledger)
        await tracking(ledger, batch.id)
        emulator.faults.clear()
        await follow(ledger)
        assert len(made_at(emulator)) == 2
        assert len(await jobs_of(ledger, batch.id)) == 2
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.proof.outcomes == {"ok": 3}


@SQLITE
async def test_an_end_waits_for_the_look_for_a_twin(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("POST /v1/batches lost")
    blind(emulator)
    async with place.open() as ledger:
        batch = await created(ledger)
        await tracking(ledger, batch.id)
        emulator.faults.clear()
        emulator.faults.add("GET /v1/batches 503 times=9")
        await follow(ledger)
        assert len(await jobs_of(ledger, batch.id)) == 2
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)


class SlowDriver(AsyncDriver):
    """Does something else before a reply to a create reaches its caller."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def run(self, plan: Plan[T]) -> T:
        is_create = getattr(plan, "__qualname__", "").endswith("create_batch")
        result = await super().run(plan)
        if is_create and self.meanwhile is not None:
            await self.meanwhile()
        return result


async def slow(ledger: Ledger, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Submit with a reply that comes late, after *meanwhile*."""
    driver = ledger.parts.accounts.get("openai").driver
    assert isinstance(driver, SlowDriver)
    driver.meanwhile = meanwhile
    await ledger.tracker.step()


async def test_a_reply_that_comes_late_changes_nothing_where_the_batch_was_found(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1)
    setup = place.setup(accounts=[place.served(driver=SlowDriver)])
    async with place.open(setup) as first, place.open() as second:
        batch = await created(first)

        async def meanwhile() -> None:
            place.clock.advance(61)
            await second.tracker.step()
            assert (await job_of(second, batch.id)).state == "tracking"

        await slow(first, meanwhile)
        await follow(second)
        assert len(made_at(emulator)) == 1
        assert len(await jobs_of(second, batch.id)) == 1
        assert (await types_told(second, batch.id)).count("acreate_batch") == 1


async def test_a_reply_that_comes_after_a_second_create_makes_a_twin_of_the_younger(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=2)
    setup = place.setup(accounts=[place.served(driver=SlowDriver)])
    async with place.open(setup) as first, place.open() as second:
        batch = await created(first)

        async def meanwhile() -> None:
            place.clock.advance(61)
            blind(emulator)
            await second.tracker.step()
            emulator.faults.clear()
            assert (await job_of(second, batch.id)).state == "tracking"

        await slow(first, meanwhile)
        older, younger = made_at(emulator)
        found = {one.provider_batch_id: one.twin_of for one in await jobs_of(second, batch.id)}
        assert found[older.id] is None
        assert found[younger.id] is not None
        await follow(second)
        done = await second.retrieve_batch(batch.id)
        assert done.status == "completed"
        assert younger.timeline.state(place.clock.now()) == "cancelled"
        receipt = await second.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.proof.outcomes == {"ok": 3}


async def test_two_workers_that_submit_at_once_make_one_batch(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as first, place.open() as second:
        ids = [(await created(first)).id for _ in range(5)]
        await asyncio.gather(*(one.tracker.step() for one in (first, second)))
        await follow(second)
        assert len(made_at(emulator)) == 5
        for batch_id in ids:
            assert len(await jobs_of(second, batch_id)) == 1
            assert len(await second.receipts(batch_id)) == 1


async def test_a_batch_that_turns_up_after_the_settlement_is_cancelled_and_told_of(
    place: Place,
) -> None:
    emulator = place.emulate()
    setup = place.setup(accounts=[place.served(driver=SlowDriver)])
    async with place.open(setup) as first, place.open() as second:
        batch = await created(first)

        async def meanwhile() -> None:
            place.clock.advance(61)
            blind(emulator)
            await follow(second)
            assert (await second.batch(batch.id)).phase == "settled"

        await slow(first, meanwhile)
        stray, _ = made_at(emulator)
        assert len(emulator.requests.matching("POST", f"/v1/batches/{stray.id}/cancel")) == 1
        told_of = [one.reason for one in await told(second, batch.id) if one.reason]
        assert len(told_of) == 1
        assert stray.id in told_of[0]
        assert len(await second.receipts(batch.id)) == 1
