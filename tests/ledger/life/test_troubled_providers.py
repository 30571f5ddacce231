"""Providers that are away, refuse, forget, or say what nobody knows."""

from __future__ import annotations

import json

import pytest

from batchyard.emulators import Fault, Replace, Status
from tests.ledger.life.place import (
    SQLITE,
    Place,
    books,
    created,
    follow,
    job_of,
    made_at,
    reached,
    settled,
    told,
    types_told,
)

pytestmark = [pytest.mark.anyio, SQLITE]

ONE = "/v1/batches/*"


async def test_an_outage_keeps_the_job_waiting_and_says_why(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("POST /v1/files 503 times=always")
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 3600

        await follow(ledger, later)
        job = await job_of(ledger, batch.id)
        assert job.state == "uploading"
        assert job.reason is not None
        assert "503" in job.reason
        assert (await ledger.retrieve_batch(batch.id)).status == "validating"
        assert await types_told(ledger, batch.id) == []
        # with growing pauses, each of at most three requests
        assert len(emulator.requests.matching("POST", "/v1/files")) < 120

        emulator.faults.clear()
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (await job_of(ledger, batch.id)).reason is None


@pytest.mark.parametrize(
    ("where", "status", "code"),
    [
        ("POST /v1/files", 401, "invalid_api_key"),
        ("POST /v1/files", 400, None),
        ("POST /v1/batches", 403, None),
        ("POST /v1/batches", 400, None),
    ],
)
async def test_a_refusal_for_good_fails_the_batch_with_what_was_said(
    place: Place, where: str, status: int, code: str | None
) -> None:
    emulator = place.emulate()
    emulator.faults.add(f"{where} {status} times=always")
    async with place.open() as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        (error,) = done.errors.data
        assert error.message
        assert code is None or error.code == code
        assert made_at(emulator) == []
        receipt = await ledger.receipt(batch.id)
        assert (receipt.proof.outcomes, receipt.state) == ({"error": 3}, "no_usage")
        assert (await types_told(ledger, batch.id))[-1] == "batch_failed"
        assert "acreate_batch" not in await types_told(ledger, batch.id)


async def test_quota_that_has_run_out_fails_the_batch(place: Place) -> None:
    emulator = place.emulate()
    error = {"message": "You exceeded your quota.", "type": "insufficient_quota"}
    body = json.dumps({"error": {**error, "code": "insufficient_quota", "param": None}})
    emulator.faults.add(Fault("POST", "/v1/batches", Status(429, body=body), times=None))
    async with place.open() as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        assert done.errors.data[0].code == "insufficient_quota"


async def test_credentials_that_fail_while_it_runs_end_nothing(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        emulator.faults.add(f"GET {ONE} 401 times=30")
        await follow(ledger, reached(ledger, batch.id, "completed"))
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 3}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)


async def test_a_status_that_nobody_knows_is_carried_on_with(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        (made,) = made_at(emulator)
        shown = {**made.document(place.clock.now(), None, None), "status": "contemplating"}
        body = json.dumps({**shown, "novelty": [1, {"a": None}]}).encode()
        emulator.faults.add(Fault("GET", ONE, Replace(body), times=3))
        seen: list[str] = []

        async def noting() -> bool:
            seen.append((await ledger.retrieve_batch(batch.id)).status)
            return seen[-1] == "completed"

        await follow(ledger, noting)
        assert set(seen) <= {"validating", "in_progress", "finalizing", "completed"}
        assert (await job_of(ledger, batch.id)).status == "completed"


async def test_a_batch_that_its_provider_does_not_show_yet_is_waited_for(place: Place) -> None:
    emulator = place.emulate(quirks=["late-batch=8"])
    async with place.open() as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert len(made_at(emulator)) == 1


async def test_a_batch_that_its_provider_has_forgotten_fails_after_a_long_time(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open(lost_after=7200.0, poll_most=600.0) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        emulator.faults.add(f"GET {ONE} 404 times=always")
        began = place.clock.now()
        done = await settled(ledger, batch.id)
        assert 7200 < place.clock.now() - began < 7200 + 1200
        assert done.status == "failed"
        assert done.errors is not None
        assert done.errors.data[0].code == "batch_not_found"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"error": 3}


async def test_one_that_is_shown_again_in_time_is_not_lost(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open(lost_after=7200.0) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        emulator.faults.add(f"GET {ONE} 404 times=20")
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (await job_of(ledger, batch.id)).missing_since is None


async def test_a_job_that_takes_too_long_is_told_of_once(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open(poll_most=3600.0) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        emulator.faults.add(f"GET {ONE} 503 times=always")
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 30 * 3600

        await follow(ledger, later)
        stalled = [one for one in await told(ledger, batch.id) if one.type == "batch_stalled"]
        assert len(stalled) == 1
        assert batch.created_at is not None
        assert 25 * 3600 <= stalled[0].at - batch.created_at < 27 * 3600
        assert stalled[0].reason is not None
        assert "503" in stalled[0].reason
        emulator.faults.clear()
        await follow(ledger)
        types = await types_told(ledger, batch.id)
        assert types.count("batch_stalled") == types.count("batch_success") == 1


async def test_a_job_that_cannot_be_sent_for_a_day_is_told_of_too(place: Place) -> None:
    emulator = place.emulate()
    outage = emulator.faults.add("POST /v1/files 503 times=always retry-after=3600")
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 30 * 3600

        await follow(ledger, later)
        assert outage.fired > 20
        assert await types_told(ledger, batch.id) == ["batch_stalled"]


async def test_many_batches_are_looked_at_by_lists(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open(poll_first=30.0) as ledger:
        ids = [(await created(ledger, 1)).id for _ in range(12)]
        await follow(ledger)
        for batch_id in ids:
            assert (await ledger.retrieve_batch(batch_id)).status == "completed"
            assert len(await ledger.receipts(batch_id)) == 1
        looks = len(emulator.requests.matching("GET", ONE))
        lists = len(emulator.requests.matching("GET", "/v1/batches"))
        assert lists > 0
        # an end is retrieved, and one of each walk; the others are read from lists
        assert looks < 12 * 4
        total = [await ledger.receipt(one) for one in ids]
        assert sum(one.usage.total_tokens for one in total) == sum(books(emulator))


async def test_a_list_that_fails_has_each_batch_looked_at_by_itself(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    emulator.faults.add("GET /v1/batches 500 times=always")
    async with place.open(poll_first=30.0) as ledger:
        ids = [(await created(ledger, 1)).id for _ in range(6)]
        await follow(ledger)
        for batch_id in ids:
            assert (await ledger.retrieve_batch(batch_id)).status == "completed"


async def test_a_cancel_that_fails_is_sent_again(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    emulator.faults.add("POST /v1/batches/*/cancel 503 times=4")
    async with place.open() as ledger:
        batch = await created(ledger, 2000)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        await ledger.cancel_batch(batch.id)
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        outcomes = (await ledger.receipt(batch.id)).proof.outcomes
        assert sum(outcomes.values()) == 2000
