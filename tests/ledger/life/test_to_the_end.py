"""Each end that a batch may come to."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from batchyard.errors import NotFinishedError
from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard.ledger.tables import jobs
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
    CHAT,
    SQLITE,
    Place,
    books,
    change,
    content,
    created,
    follow,
    job_of,
    made_at,
    reached,
    settled,
    told,
    types_told,
)

pytestmark = pytest.mark.anyio


async def test_a_batch_goes_from_create_to_its_receipt(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, 5, metadata={"a": "b"})
        assert (batch.status, batch.id[:6]) == ("validating", "batch_")
        assert batch.tracked_by is None
        done = await settled(ledger, batch.id)

        assert done.status == "completed"
        assert done.metadata == {"a": "b"}
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed) == (5, 5)
        output = await content(ledger, done.output_file_id)
        ids = [json.loads(line)["custom_id"] for line in output.splitlines()]
        assert ids == [f"r-{number}" for number in range(5)]
        assert done.error_file_id is None

        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.complete
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.state == "priced"
        assert receipt.cost == sum(one.cost or 0 for one in receipt.items) > Decimal(0)
        assert len(made_at(emulator)) == 1


async def test_its_events_are_told_once_and_in_order_with_the_totals_at_the_end(
    place: Place,
) -> None:
    place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger, 4)
        await follow(ledger)
        found = await told(ledger, batch.id)
        assert [one.type for one in found] == [
            "acreate_batch",
            "batch_status_changed",
            "batch_status_changed",
            "batch_success",
        ]
        steps = [(one.previous_status, one.batch.status) for one in found[1:]]
        assert steps == [
            ("validating", "in_progress"),
            ("in_progress", "finalizing"),
            ("finalizing", "completed"),
        ]
        last = found[-1]
        receipt = await ledger.receipt(batch.id)
        assert last.totals is not None
        assert last.totals.usage.total_tokens == receipt.usage.total_tokens > 0
        assert last.totals.response_cost == receipt.cost
        assert last.totals.lines == 4
        assert last.receipt == receipt
        assert len({one.id for one in found}) == len(found)


async def test_a_batch_that_is_under_way_at_once_was_created_first(place: Place) -> None:
    """The provider may have begun when it answers the create."""
    place.emulate(time_scale=0)
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger)
        types = await types_told(ledger, batch.id)
        assert types[0] == "acreate_batch"
        assert types[-1] == "batch_success"
        assert types.count("acreate_batch") == types.count("batch_success") == 1


async def test_a_read_never_bills_and_calls_no_provider(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        for _ in range(3):
            before = len(emulator.requests)
            for _ in range(10):
                await ledger.retrieve_batch(batch.id)
            assert len(emulator.requests) == before
            place.clock.advance(60)
        done = await settled(ledger, batch.id)
        before = len(emulator.requests)
        for _ in range(10):
            await ledger.retrieve_batch(batch.id)
            await ledger.receipt(batch.id)
            await content(ledger, done.output_file_id)
        assert len(emulator.requests) == before
        assert len(await ledger.receipts(batch.id)) == 1
        assert (await types_told(ledger, batch.id)).count("batch_success") == 1


@SQLITE
async def test_who_asks_for_an_old_picture_has_the_job_looked_at_soon(place: Place) -> None:
    place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        job = await job_of(ledger, batch.id)
        assert job.next_at is not None
        place.clock.advance(0.5)
        await ledger.retrieve_batch(batch.id)
        assert (await job_of(ledger, batch.id)).next_at == job.next_at
        # nobody looks for a while, and then somebody asks
        await ledger.tracker.step()
        await change(ledger, jobs, job.id, next_at=place.clock.now() + 1000)
        place.clock.advance(20)
        await ledger.retrieve_batch(batch.id)
        assert (await job_of(ledger, batch.id)).next_at == place.clock.now()


@SQLITE
async def test_many_who_ask_cause_no_more_looks_than_one(place: Place) -> None:
    emulator = place.emulate(time_scale=20)
    async with place.open(poll_first=60.0) as ledger:
        ids = [(await created(ledger, 1)).id for _ in range(6)]
        await ledger.tracker.step()
        before = len(emulator.requests)
        for _ in range(90):
            for batch_id in ids:
                await ledger.retrieve_batch(batch_id)
            await ledger.tracker.step()
            place.clock.advance(1)
        # some have been looked at every 15 seconds or so, by lists or one by one
        assert len(emulator.requests) - before < 6 * 90 / 15 * 1.5


@SQLITE
async def test_what_fails_validation_at_the_provider_fails_with_its_errors(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, chat_lines(3, model="no-such-model"))
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        assert done.errors.data[0].code == made_at(emulator)[0].issue.code
        assert done.errors.data[0].message
        assert await types_told(ledger, batch.id) == [
            "acreate_batch",
            "batch_status_changed",
            "batch_failed",
        ]
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"error": 3}
        assert (receipt.cost, receipt.state) == (Decimal(0), "no_usage")
        rows = (await content(ledger, done.error_file_id)).splitlines()
        assert len(rows) == 3


async def test_an_expired_batch_is_billed_for_what_was_done(place: Place) -> None:
    emulator = place.emulate(finished_before_expiry=2)
    async with place.open(poll_first=7200.0, poll_most=7200.0) as ledger:
        batch = await created(ledger, 5)
        done = await settled(ledger, batch.id)
        assert done.status == "expired"
        assert done.expired_at is not None
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 2, "expired": 3}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.usage.total_tokens > 0
        assert (await types_told(ledger, batch.id))[-1] == "batch_expired"
        assert len((await content(ledger, done.output_file_id)).splitlines()) == 2
        assert len((await content(ledger, done.error_file_id)).splitlines()) == 3


async def test_a_batch_cancelled_before_it_is_sent_reaches_no_provider(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        shown = await ledger.cancel_batch(batch.id)
        assert shown.status == "finalizing"
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        assert done.cancelling_at is not None
        assert len(emulator.requests) == 0
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"cancelled": 3}
        assert receipt.state == "no_usage"
        assert (await types_told(ledger, batch.id))[-1] == "batch_cancelled"


@SQLITE
async def test_a_batch_cancelled_during_an_outage_is_not_sent_when_that_is_over(
    place: Place,
) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        outage = emulator.faults.add("POST /v1/files 503 times=always")
        batch = await created(ledger)
        await ledger.tracker.step()
        assert (await job_of(ledger, batch.id)).state == "uploading"
        await ledger.cancel_batch(batch.id)
        sent = outage.fired
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        assert outage.fired == sent
        assert made_at(emulator) == []


async def test_a_batch_cancelled_while_it_runs_keeps_and_bills_what_was_done(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger, 200)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        place.clock.advance(2)
        shown = await ledger.cancel_batch(batch.id)
        assert shown.status == "cancelling"
        assert (await ledger.cancel_batch(batch.id)).status == "cancelling"
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        receipt = await ledger.receipt(batch.id)
        outcomes = receipt.proof.outcomes
        assert outcomes["ok"] + outcomes["cancelled"] == 200
        assert outcomes["ok"] > 0
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert len(emulator.requests.matching("POST", "/v1/batches/*/cancel")) == 1
        assert (await types_told(ledger, batch.id)).count("batch_cancelled") == 1


@SQLITE
async def test_a_cancel_that_comes_too_late_leaves_a_completed_batch(place: Place) -> None:
    place.emulate(time_scale=1, quirks=["cancel-ends-completed"])
    async with place.open() as ledger:
        batch = await created(ledger, 5)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        await ledger.cancel_batch(batch.id)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 5}


async def test_cancelling_what_has_ended_changes_nothing(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        again = await ledger.cancel_batch(batch.id)
        assert again == done
        await follow(ledger)
        assert emulator.requests.matching("POST", "/v1/batches/*/cancel") == []


@SQLITE
async def test_the_end_is_shown_without_files_when_they_take_too_long(place: Place) -> None:
    emulator = place.emulate()
    async with place.open(finalizing_limit=300.0) as ledger:
        emulator.faults.add("GET /v1/files/*/content 503 times=always")
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "finalizing"))
        with pytest.raises(NotFinishedError):
            await ledger.receipt(batch.id)
        await follow(ledger, reached(ledger, batch.id, "completed"))
        shown = await ledger.retrieve_batch(batch.id)
        assert shown.output_file_id is None
        ended = (await ledger.batch(batch.id)).ended_at
        assert ended is not None
        assert 300 < place.clock.now() - ended < 900
        assert "batch_success" not in await types_told(ledger, batch.id)

        emulator.faults.clear()
        done = await settled(ledger, batch.id)
        assert done.output_file_id is not None
        assert (await types_told(ledger, batch.id)).count("batch_success") == 1


async def test_a_batch_that_gates_leave_nothing_of_ends_at_once_and_unsent(place: Place) -> None:
    class Closed:
        @hookimpl
        def check_lines(self, lines: list[GateLine]) -> list[Verdict]:
            return [Verdict.refuse("no_entry", "Nothing goes through here.") for _ in lines]

    emulator = place.emulate()
    async with place.open(place.setup(gates=[("closed", Closed())])) as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert len(emulator.requests) == 0
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"refused": 3}
        assert (receipt.state, receipt.cost) == ("no_usage", Decimal(0))
        rows = [json.loads(one) for one in (await content(ledger, done.error_file_id)).splitlines()]
        assert [one["custom_id"] for one in rows] == ["r-0", "r-1", "r-2"]


@SQLITE
async def test_another_endpoint_is_settled_too(place: Place) -> None:
    emulator = place.emulate()
    lines = b"".join(
        json.dumps(
            {
                "custom_id": f"e-{number}",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": "text-embedding-3-small", "input": f"some text {number}"},
            }
        ).encode()
        + b"\n"
        for number in range(3)
    )
    async with place.open() as ledger:
        batch = await created(ledger, lines, endpoint="/v1/embeddings")
        done = await settled(ledger, batch.id)
        assert done.endpoint == "/v1/embeddings" != CHAT
        receipt = await ledger.receipt(batch.id)
        assert receipt.usage.input_tokens == books(emulator)[0] > 0
        assert receipt.state == "priced"
        assert (await ledger.batch(batch.id)).next_at is None
