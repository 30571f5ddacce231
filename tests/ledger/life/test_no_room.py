"""Providers that have no room just now, or ask to be left alone for a day; and tidying up."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from batchyard.config import LedgerSettings
from batchyard.emulators import Fault, Status
from batchyard.ledger import Ledger
from batchyard.ledger.tables import jobs
from batchyard.models import Batch, Call, Page, PageRequest
from batchyard.steps.openai_wire import Wire, _batches
from tests.ledger.life.place import (
    SQLITE,
    Condition,
    Place,
    books,
    change,
    created,
    follow,
    job_of,
    made_at,
    settled,
    types_told,
)

pytestmark = pytest.mark.anyio

MODEL = "gpt-4.1-mini"
DAY = 86_400


def in_state(ledger: Ledger, batch_id: str, state: str, sends: int = 1) -> Condition:
    """Whether the batch's job is in this state, and has been sent so often; for `follow`."""

    async def condition() -> bool:
        job = await job_of(ledger, batch_id)
        return job.state == state and job.sends >= sends

    return condition


async def test_a_batch_that_found_no_room_is_sent_again_when_there_is_some(place: Place) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger, 6)
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        emulator._board._options.enqueued_token_limits.clear()
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert (done.status, done.errors) == ("completed", None)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 6}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert len(await ledger.receipts(batch.id)) == 1
        types = await types_told(ledger, batch.id)
        assert (types.count("acreate_batch"), types.count("batch_success")) == (1, 1)
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert states == ["failed", "completed"]
        # the file that was uploaded is used again
        assert len(emulator.requests.matching("POST", "/v1/files")) == 1


async def test_what_waits_for_room_says_why_and_waits_longer_each_time(place: Place) -> None:
    place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 2 * 3600

        await follow(ledger, later, steps=1500)
        job = await job_of(ledger, batch.id)
        assert (await ledger.retrieve_batch(batch.id)).status == "validating"
        assert job.state in {"uploaded", "tracking"}
        assert 4 < job.sends < 10
        assert await types_told(ledger, batch.id) == ["acreate_batch"]
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        assert "no room for it yet" in ((await job_of(ledger, batch.id)).reason or "")


@pytest.mark.slow
async def test_what_waits_for_room_for_a_day_is_told_of_once(place: Place) -> None:
    place.emulate(time_scale=0.1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        began = place.clock.now()

        async def later() -> bool:
            return place.clock.now() > began + 30 * 3600

        await follow(ledger, later, steps=1500)
        assert await types_told(ledger, batch.id) == ["acreate_batch", "batch_stalled"]


async def test_what_waits_for_room_can_be_cancelled_and_nothing_was_done(place: Place) -> None:
    place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded", sends=2))
        await ledger.cancel_batch(batch.id)
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"cancelled": 3}


async def test_a_lost_reply_to_the_second_send_makes_no_third_batch(place: Place) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        emulator._board._options.enqueued_token_limits.clear()
        emulator.faults.add("POST /v1/batches lost")
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert states == ["failed", "completed"]
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3}


async def test_a_failure_of_another_kind_beside_it_is_final(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        (made,) = made_at(emulator)
        problems = [
            {"code": code, "message": "No.", "param": None, "line": None}
            for code in ("token_limit_exceeded", "quotaExceeded")
        ]
        shown = {
            **made.document(place.clock.now(), None, None),
            "status": "failed",
            "errors": {"object": "list", "data": problems},
        }
        emulator.faults.add(
            Fault("GET", "/v1/batches/*", Status(200, body=json.dumps(shown)), None)
        )
        assert (await settled(ledger, batch.id)).status == "failed"
        assert (await job_of(ledger, batch.id)).sends == 1


async def test_one_that_was_adopted_is_not_sent_again(place: Place) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        (made,) = made_at(emulator)
        await change(ledger, jobs, (await job_of(ledger, batch.id)).id, sends=0)
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "failed"
        assert made_at(emulator) == [made]


async def test_a_workers_death_while_a_batch_is_put_back_costs_nothing(place: Place) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded", sends=1))
    emulator._board._options.enqueued_token_limits.clear()
    async with place.open() as ledger:
        assert (await settled(ledger, batch.id)).status == "completed"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3}


async def test_an_account_that_asks_for_a_day_is_sent_nothing_and_others_go_on(
    place: Place,
) -> None:
    emulator = place.emulate()
    day = emulator.faults.add(f"POST /v1/batches 429 retry-after={DAY}")
    accounts = [place.served(name="full"), place.served(name="free")]
    async with place.open(place.setup(accounts=accounts)) as ledger:
        began = place.clock.now()
        first = await created(ledger, account="full")
        await ledger.tracker.step()
        assert day.fired == 1
        second = await created(ledger, account="full")
        other = await created(ledger, account="free")
        assert (await settled(ledger, other.id)).status == "completed"
        sent = len(emulator.requests.matching("POST", "/v1/batches"))
        assert sent == 2

        assert (await settled(ledger, second.id)).status == "completed"
        assert (await settled(ledger, first.id)).status == "completed"
        assert place.clock.now() - began >= DAY
        uploads = emulator.requests.matching("POST", "/v1/files")
        assert sum(1 for one in uploads if one.at - began < DAY) == 2


async def test_a_batch_of_such_an_account_can_be_cancelled_meanwhile(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add(f"POST /v1/batches 429 retry-after={DAY} times=always")
    async with place.open() as ledger:
        first = await created(ledger)
        await ledger.tracker.step()
        began = place.clock.now()
        await ledger.cancel_batch(first.id)
        assert (await settled(ledger, first.id)).status == "cancelled"
        assert place.clock.now() - began < 60


async def test_a_wait_that_was_asked_for_is_known_to_other_workers(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add(f"POST /v1/batches 429 retry-after={DAY}")
    async with place.open() as ledger:
        await created(ledger)
        await ledger.tracker.step()
    async with place.open() as ledger:
        second = await created(ledger)
        await asyncio.gather(ledger.tracker.step(), ledger.tracker.step())
        assert len(emulator.requests.matching("POST", "/v1/batches")) == 1
        job = await job_of(ledger, second.id)
        assert job.state == "pending"
        assert job.reason is not None
        assert "asked to be left alone" in job.reason


@pytest.fixture
def reasonless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that do not tell why a batch has failed."""
    listed = _batches._listed

    async def without_errors(wire: Wire, call: Call, page: PageRequest) -> Page[Batch]:
        got = await listed(wire, call, page)
        data = [one.model_copy(update={"errors": None}) for one in got.data]
        return got.model_copy(update={"data": data})

    monkeypatch.setattr(_batches, "_listed", without_errors)


@SQLITE
@pytest.mark.usefixtures("reasonless")
@pytest.mark.parametrize("lost", [False, True])
async def test_one_that_was_refused_is_not_taken_for_another_where_lists_give_no_reasons(
    place: Place, *, lost: bool
) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded", sends=2))
        emulator._board._options.enqueued_token_limits.clear()
        if lost:
            emulator.faults.add("POST /v1/batches lost")
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert states == ["failed", "failed", "completed"]
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        await job_of(ledger, batch.id)  # there is one


@SQLITE
@pytest.mark.usefixtures("reasonless")
async def test_a_create_that_never_arrived_is_not_seen_in_the_one_that_was_refused_before(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        emulator._board._options.enqueued_token_limits.clear()
        emulator.faults.add("POST /v1/batches reset")
        await follow(ledger)
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert states == ["failed", "completed"]
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3}


@SQLITE
@pytest.mark.parametrize("at_once", [False, True])
async def test_waiting_for_room_ends_after_a_week_with_the_providers_own_words(
    place: Place, *, at_once: bool
) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        job = await job_of(ledger, batch.id)
        old = place.clock.now() - 7 * DAY - 1
        # an old job that has hardly been sent, since no worker ran, goes on
        await change(ledger, jobs, job.id, created_at=old)
        await follow(ledger, in_state(ledger, batch.id, "uploaded", sends=2))
        await change(ledger, jobs, job.id, sends=300)
        if at_once:
            said = {"error": {"message": "Limit.", "code": "token_limit_exceeded"}}
            emulator.faults.add(
                Fault("POST", "/v1/batches", Status(429, body=json.dumps(said)), None)
            )
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        assert [one.code for one in done.errors.data] == ["token_limit_exceeded"]


@SQLITE
@pytest.mark.parametrize("reasons", [False, True])
async def test_a_rebuild_leaves_what_was_refused_before_it_was_sent_again(
    place: Place,
    tmp_path: Path,
    sqlite_template: Path,
    request: pytest.FixtureRequest,
    *,
    reasons: bool,
) -> None:
    if not reasons:
        request.getfixturevalue("reasonless")
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded", sends=2))
        emulator._board._options.enqueued_token_limits.clear()
        await settled(ledger, batch.id)
    assert len(made_at(emulator)) == 3
    shutil.copy(sqlite_template, tmp_path / "new.db")
    settings = LedgerSettings(url=str(tmp_path / "new.db"), store=tmp_path / "new")
    async with Ledger(settings, place.setup()) as ledger:
        (found,) = await ledger.rebuild()
        assert (await settled(ledger, found.id)).status == "completed"


@SQLITE
async def test_a_file_that_is_gone_before_there_is_room_is_uploaded_again(place: Place) -> None:
    emulator = place.emulate(time_scale=1, enqueued_token_limits={MODEL: 1})
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, in_state(ledger, batch.id, "uploaded"))
        (uploaded,) = emulator._shelf.all(place.clock.now(), "batch")
        emulator._shelf.delete(uploaded.id, place.clock.now())
        emulator._board._options.enqueued_token_limits.clear()
        emulator.faults.add("POST /v1/files lost")
        assert (await settled(ledger, batch.id)).status == "completed"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3}
        assert len(emulator._shelf.all(place.clock.now(), "batch")) == 1
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert states == ["failed", "completed"]
