"""A batch that two jobs carry: everything that is said of it is said over both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest

from batchyard.ledger import Ledger, Setup
from tests.client.requests import chat_lines
from tests.ledger.life.parts_of import halved
from tests.ledger.life.place import (
    SQLITE,
    Place,
    books,
    content,
    created,
    follow,
    jobs_of,
    made_at,
    reached,
    settled,
    told,
    types_told,
)

pytestmark = pytest.mark.anyio

FIRST, SECOND = chat_lines(3, prefix="a"), chat_lines(2, prefix="b")


async def ids_in(ledger: Ledger, file_id: str | None) -> list[str]:
    rows = (await content(ledger, file_id)).splitlines()
    return [json.loads(row)["custom_id"] for row in rows]


def two_places(
    place: Place, *, scale: float = 1, prices: Mapping[str, object] | None = None
) -> Setup:
    """An account at each of two providers; *scale* is how slow the first one is."""
    place.emulate("openai", time_scale=scale)
    place.emulate("azure", time_scale=1)
    accounts = [place.served("openai"), place.served("azure", prices=prices)]
    return place.setup(accounts=accounts, default_account="openai")


async def test_files_counts_and_cost_are_those_of_both_jobs(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await halved(ledger, FIRST, SECOND)
        done = await settled(ledger, batch.id)
        assert len(made_at(emulator)) == 2
        assert done.status == "completed"
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed) == (5, 5)
        ids = ["a-0", "a-1", "a-2", "b-0", "b-1"]
        assert await ids_in(ledger, done.output_file_id) == ids
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.complete
        assert receipt.proof.outcomes == {"ok": 5}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        (item,) = receipt.items
        assert item.lines == 5


async def test_its_events_are_told_once_for_both(place: Place) -> None:
    place.emulate(time_scale=1)
    async with place.open() as ledger:
        batch = await halved(ledger, FIRST, SECOND)
        await follow(ledger)
        found = await told(ledger, batch.id)
        types = [one.type for one in found]
        assert types[0] == "acreate_batch"
        assert types[-1] == "batch_success"
        assert types.count("acreate_batch") == types.count("batch_success") == 1
        statuses = [one.batch.status for one in found[1:]]
        order = ["validating", "in_progress", "finalizing", "completed"]
        assert statuses == sorted(set(statuses), key=order.index)
        assert found[-1].totals is not None
        assert found[-1].totals.lines == 5


@SQLITE
async def test_it_runs_while_one_of_them_runs_and_is_finalizing_when_both_have_ended(
    place: Place,
) -> None:
    setup = two_places(place)
    async with place.open(setup) as ledger:
        batch = await halved(ledger, FIRST, SECOND, accounts=("openai", "azure"))
        slow = place.emulate("azure")
        slow.faults.add("POST /openai/v1/batches 503 times=400")

        async def one_has_ended() -> bool:
            return [one.state for one in await jobs_of(ledger, batch.id)].count("ended") == 1

        await follow(ledger, one_has_ended)
        shown = await ledger.retrieve_batch(batch.id)
        assert shown.status == "in_progress"
        assert shown.request_counts is not None
        assert (shown.request_counts.total, shown.request_counts.completed) == (5, 3)
        assert shown.output_file_id is None
        assert (await ledger.batch(batch.id)).phase == "open"
        assert await ledger.receipts(batch.id) == []
        slow.faults.clear()
        await follow(ledger, reached(ledger, batch.id, "finalizing"))
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 5}


@SQLITE
async def test_an_end_of_one_makes_no_old_picture_of_the_other(place: Place) -> None:
    """Else each who asks would have the provider asked."""
    setup = two_places(place)
    async with place.open(setup) as ledger:
        lines = chat_lines(800, prefix="b")
        batch = await halved(ledger, FIRST, lines, accounts=("openai", "azure"))

        async def one_has_ended() -> bool:
            return [one.state for one in await jobs_of(ledger, batch.id)].count("ended") == 1

        await follow(ledger, one_has_ended)
        azure = place.emulate("azure")
        before = len(azure.requests)
        for _ in range(60):
            await ledger.retrieve_batch(batch.id)
            await ledger.tracker.step()
            place.clock.advance(1)
        assert len(azure.requests) - before < 15


async def test_one_that_fails_makes_errors_of_its_lines_and_no_failure_of_the_batch(
    place: Place,
) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        bad = chat_lines(2, prefix="b")
        # the second is refused for its model by the provider
        second = bad.replace(b"gpt-4.1-mini", b"no-such-model")
        batch = await halved(ledger, FIRST, bad)
        file = batch.input_file_id
        with ledger.parts.store.writer(f"{file}/part-2.jsonl") as stored:
            stored.write(second)
        done = await settled(ledger, batch.id)
        assert sorted(one.timeline.state(place.clock.now()) for one in made_at(emulator)) == [
            "completed",
            "failed",
        ]
        assert done.status == "completed"
        assert done.errors is None
        assert done.request_counts is not None
        assert (done.request_counts.completed, done.request_counts.failed) == (3, 2)
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3, "error": 2}
        assert await ids_in(ledger, done.output_file_id) == ["a-0", "a-1", "a-2"]
        assert await ids_in(ledger, done.error_file_id) == ["b-0", "b-1"]
        assert (await types_told(ledger, batch.id))[-1] == "batch_success"


@SQLITE
async def test_both_failing_fail_the_batch_with_the_errors_of_both(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("POST /v1/batches 403 times=always")
    async with place.open() as ledger:
        batch = await halved(ledger, FIRST, SECOND)
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        assert len(done.errors.data) == 2
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"error": 5}
        types = await types_told(ledger, batch.id)
        assert types.count("batch_failed") == 1


@SQLITE
async def test_one_that_expires_leaves_a_batch_expired_in_part(place: Place) -> None:
    place.emulate("azure")
    expiring = place.emulate("openai", finished_before_expiry=1)
    accounts = [place.served("azure"), place.served("openai")]
    setup = place.setup(accounts=accounts, default_account="azure")
    async with place.open(setup, poll_first=7200.0, poll_most=7200.0) as ledger:
        batch = await halved(ledger, FIRST, SECOND, accounts=("azure", "openai"))
        done = await settled(ledger, batch.id)
        assert done.status == "expired"
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 4, "expired": 1}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(
            expiring, place.emulate("azure")
        )
        assert (await types_told(ledger, batch.id))[-1] == "batch_expired"


async def test_a_cancel_stops_both_sent_or_not(place: Place) -> None:
    setup = two_places(place, scale=10)
    async with place.open(setup) as ledger:
        batch = await halved(
            ledger, chat_lines(150, prefix="a"), SECOND, accounts=("openai", "azure")
        )
        away = place.emulate("azure")
        away.faults.add("POST ** 503 times=always")
        states: list[str] = []

        async def one_runs() -> bool:
            states[:] = [one.status or one.state for one in await jobs_of(ledger, batch.id)]
            return states[0] == "in_progress"

        await follow(ledger, one_runs)
        assert states[1] == "uploading"
        assert (await ledger.cancel_batch(batch.id)).status == "cancelling"
        done = await settled(ledger, batch.id)
        assert done.status == "cancelled"
        receipt = await ledger.receipt(batch.id)
        outcomes = receipt.proof.outcomes
        assert outcomes["ok"] + outcomes["cancelled"] == 152
        openai, azure = place.emulate("openai"), place.emulate("azure")
        assert len(openai.requests.matching("POST", "/v1/batches/*/cancel")) == 1
        assert made_at(azure) == []
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(openai)
        assert (await types_told(ledger, batch.id)).count("batch_cancelled") == 1


async def test_each_job_is_priced_at_its_own_account(place: Place) -> None:
    prices = {"gpt-4.1-mini": {"input": "1000", "output": "2000"}}
    prices |= {"gpt-4.1-mini-2025-04-14": {"input": "1000", "output": "2000"}}
    setup = two_places(place, prices=prices)
    async with place.open(setup) as ledger:
        batch = await halved(ledger, FIRST, SECOND, accounts=("openai", "azure"))
        await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        by_account = {one.account: one for one in receipt.items}
        assert {(name, one.lines) for name, one in by_account.items()} == {
            ("openai", 3),
            ("azure", 2),
        }
        azure = by_account["azure"]
        used = azure.usage
        million = Decimal(1_000_000)
        assert azure.cost == (used.input_tokens * 1000 + used.output_tokens * 2000) / million
        openai = by_account["openai"]
        assert openai.cost is not None
        assert openai.cost < azure.cost
        assert receipt.cost == openai.cost + azure.cost
        for name in ("openai", "azure"):
            usage = by_account[name].usage
            expected = books(place.emulate(name))
            assert (usage.input_tokens, usage.output_tokens) == expected


@SQLITE
async def test_a_line_that_one_job_answers_is_not_missed_for_the_other(place: Place) -> None:
    """As after a second attempt at a line that failed in the first job."""
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await halved(ledger, FIRST, SECOND)
        again = chat_lines(1, prefix="a")
        with ledger.parts.store.writer(f"{batch.input_file_id}/part-2.jsonl") as stored:
            stored.write(SECOND + again)
        done = await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 5}
        assert receipt.proof.duplicates == 1
        # the provider bills both answers
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert len(await ids_in(ledger, done.output_file_id)) == 5


@SQLITE
async def test_other_batches_are_as_they_were(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        two = await halved(ledger, FIRST, SECOND)
        one = await created(ledger, 4)
        await follow(ledger)
        assert (await ledger.receipt(one.id)).proof.outcomes == {"ok": 4}
        assert (await ledger.receipt(two.id)).proof.outcomes == {"ok": 5}
