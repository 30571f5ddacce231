"""Batches of Azure OpenAI in tracked mode: all quirks at once, prices, tidying, blobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.emulators import Fault, Status
from batchyard.ledger.retention import Retention, clean
from batchyard.ledger.tables import jobs
from batchyard.ledger.tidying import tidy
from batchyard.models import ExpiresAfter, Usage
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from batchyard_azure.emulator import ALL_QUIRKS
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
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
    types_told,
)

pytestmark = pytest.mark.anyio

DEPLOYMENTS = {"ours": "gpt-4.1-mini", "zone": "gpt-4.1-mini"}
MODELS = {
    "gpt-4.1-mini": {"name": "ours", "base_model": "gpt-4.1-mini", "type": "GlobalBatch"},
    "in-zone": {"name": "zone", "base_model": "gpt-4.1-mini", "type": "DataZoneBatch"},
}
FLAGGED = [{"role": "user", "content": "[[flagged]] do it"}]
DAY = 86_400
SAS = "sv=2023-11-03&sp=rwdl&sig=aGVsbG8gd29ybGQ"


@pytest.fixture
def place(sqlite_template: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    made = Place(str(tmp_path / "ledger.db"), tmp_path, clock)
    yield made
    made.close()


def azure(place: Place, **settings: Any) -> Any:
    return place.setup(
        accounts=[place.served("azure", **{"deployments": MODELS, **settings})],
    )


def priced(usage: Usage, factor: Decimal = Decimal(1)) -> Decimal:
    """By hand: half of 0.40, 0.10 (cached) and 1.60 dollars a million tokens."""
    cost = (usage.input_tokens - usage.cached_tokens) * Decimal("0.20")
    cost += usage.cached_tokens * Decimal("0.05") + usage.output_tokens * Decimal("0.80")
    return round(cost * factor / 1_000_000, 9)


@pytest.mark.parametrize(
    "api_version",
    # the preview's are those of the gateway's test, too
    [None, "2024-10-21", pytest.param("2025-04-01-preview", marks=pytest.mark.slow)],
)
async def test_all_quirks_at_once_leave_every_line_counted_and_priced_by_its_base_model(
    place: Place, api_version: str | None
) -> None:
    emulator = place.emulate("azure", quirks=[ALL_QUIRKS], deployments=DEPLOYMENTS)
    lines = chat_lines(20) + chat_lines(3, prefix="bad", temperature=9)
    lines += chat_lines(2, prefix="no", messages=FLAGGED)
    async with place.open(azure(place, api_version=api_version)) as ledger:
        batch = await created(ledger, b"\xef\xbb\xbf" + lines, metadata={"team": "search"})
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert (done.status, done.errors) == ("completed", None)
        assert done.metadata == {"team": "search"}
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 20, "error": 3, "blocked": 2}
        assert receipt.proof.lines == 25
        tokens = books(emulator)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == tokens
        assert receipt.cost == priced(receipt.usage)
        assert receipt.state == "priced"
        # one was refused at once and one failed for want of room: both were sent again
        states = [one.timeline.state(place.clock.now()) for one in made_at(emulator)]
        assert sorted(states) == ["completed", "failed"]
        assert (await job_of(ledger, batch.id)).sends == 3
        rows = [
            json.loads(row) for row in (await content(ledger, done.output_file_id)).splitlines()
        ]
        finishes = [row["response"]["body"]["choices"][0]["finish_reason"] for row in rows]
        assert finishes.count("content_filter") == 1
        assert (await types_told(ledger, batch.id))[-1] == "batch_success"


@pytest.mark.parametrize(("model", "factor"), [("gpt-4.1-mini", "1"), ("in-zone", "1.1")])
async def test_a_deployment_in_a_data_zone_costs_a_tenth_more_than_a_global_one(
    place: Place, model: str, factor: str
) -> None:
    place.emulate("azure", deployments=DEPLOYMENTS)
    async with place.open(azure(place)) as ledger:
        batch = await created(ledger, chat_lines(4, model=model))
        await follow(ledger)
        receipt = await ledger.receipt(batch.id)
        assert receipt.cost == priced(receipt.usage, Decimal(factor))


@pytest.mark.parametrize(("wanted", "left"), [("keep", 1), ("delete", 0)])
async def test_what_was_uploaded_is_kept_or_deleted_once_the_batch_is_settled(
    place: Place, wanted: str, left: int
) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    async with place.open(azure(place, staged_inputs=wanted)) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "finalizing", "completed"))
        inputs = emulator._shelf.all(place.clock.now(), "batch")
        assert len(inputs) == 1
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        assert len(emulator._shelf.all(place.clock.now(), "batch")) == left
        assert len(emulator._shelf.all(place.clock.now(), "batch_output")) == 2
        # the ledger's own copy stays
        assert (await content(ledger, batch.input_file_id)).count(b"\n") == 3


async def test_a_delete_that_fails_is_tried_again_and_given_up_in_the_end(place: Place) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    gone = emulator.faults.add("DELETE /openai/v1/files/* 503 times=5")
    async with place.open(azure(place, staged_inputs="delete")) as ledger:
        batch = await created(ledger)
        await follow(ledger)
        for _ in range(4):
            place.clock.advance(400)
            await ledger.tracker.step()
        assert gone.fired == 5
        assert emulator._shelf.all(place.clock.now(), "batch") == []
        assert (await job_of(ledger, batch.id)).next_at is None
        refused = emulator.faults.add("DELETE /openai/v1/files/* 403 times=always")
        await created(ledger)
        await follow(ledger)
        for _ in range(30):
            place.clock.advance(400)
            await tidy(ledger.parts)
        assert refused.fired == 12
        assert len(emulator._shelf.all(place.clock.now(), "batch")) == 1


async def test_a_delete_that_is_due_outlives_the_retention_of_its_batch(place: Place) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    emulator.faults.add("DELETE /openai/v1/files/* 503 times=5")
    async with place.open(azure(place, staged_inputs="delete")) as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
        parts, forget = ledger.parts, Retention(batches=0.0)
        await ledger.tracker.step()
        assert len(emulator._shelf.all(place.clock.now(), "batch")) == 1
        assert (await clean(parts.db, parts.store, forget)).batches == 0
        for _ in range(2):
            place.clock.advance(400)
            await ledger.tracker.step()
        assert emulator._shelf.all(place.clock.now(), "batch") == []
        assert (await clean(parts.db, parts.store, forget)).batches == 1


async def test_a_delete_at_an_account_that_is_gone_for_good_keeps_no_batch_for_ever(
    place: Place,
) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    emulator.faults.add("DELETE /openai/v1/files/* 503 times=always")
    async with place.open(azure(place, staged_inputs="delete")) as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
    for days, forgotten in ((29, 0), (2, 1)):
        place.clock.advance(days * DAY)
        # another process: one that has just missed an account does not look for it at once
        async with place.open(place.setup(accounts=[], registry=Registry({}))) as ledger:
            parts = ledger.parts
            await tidy(parts)
            done = await clean(parts.db, parts.store, Retention(batches=0.0))
            assert done.batches == forgotten


async def test_a_file_that_is_gone_already_is_no_failure(place: Place) -> None:
    emulator = place.emulate("azure", time_scale=1, deployments=DEPLOYMENTS)
    async with place.open(azure(place, staged_inputs="delete")) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        (uploaded,) = emulator._shelf.all(place.clock.now(), "batch")
        emulator._shelf.delete(uploaded.id, place.clock.now())
        await follow(ledger)
        job = await job_of(ledger, batch.id)
        assert (job.next_at, job.attempts) == (None, 0)


async def test_a_file_of_a_batch_that_was_taken_over_is_its_owners(place: Place) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    async with place.open(azure(place, staged_inputs="delete")) as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        await change(ledger, jobs, (await job_of(ledger, batch.id)).id, marker="adopted-batch_1")
        await follow(ledger)
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        assert len(emulator._shelf.all(place.clock.now(), "batch")) == 1


async def test_the_headers_that_say_how_full_the_queue_is_are_kept(place: Place) -> None:
    place.emulate("azure", time_scale=1, deployments=DEPLOYMENTS)
    async with place.open(azure(place)) as ledger:
        batch = await created(ledger, 30)
        await ledger.tracker.step()
        await follow(ledger, reached(ledger, batch.id, "validating", "in_progress"))
        state = (await job_of(ledger, batch.id)).provider_state
        assert state is not None
        assert state["max_enqueued_tokens"] == 5_000_000_000
        assert state["enqueued_tokens"] > 100


async def test_a_day_long_retry_after_in_the_message_leaves_the_account_alone(
    place: Place,
) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    emulator.faults.add("POST /openai/v1/batches 429 retry-after=86400")
    async with place.open(azure(place)) as ledger:
        began = place.clock.now()
        first, second = [await created(ledger) for _ in range(2)]
        await ledger.tracker.step()
        await ledger.tracker.step()
        assert len(emulator.requests.matching("POST", "/openai/v1/batches")) <= 2
        await follow(ledger)
        for batch in (first, second):
            assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        assert place.clock.now() - began >= DAY


async def test_a_full_file_quota_fails_the_batch_and_says_what_to_do(place: Place) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS, most_files=(0, 0))
    async with place.open(azure(place)) as ledger:
        done = await settled(ledger, (await created(ledger)).id)
        assert (done.status, done.errors is None) == ("failed", False)
        assert done.errors is not None
        (error,) = done.errors.data
        assert error.code == "quotaExceeded"
        assert "staged_inputs" in (error.message or "")
        assert made_at(emulator) == []


async def test_a_late_batch_goes_on_beyond_its_day_and_is_not_given_up(place: Place) -> None:
    emulator = place.emulate("azure", time_scale=5000, deployments=DEPLOYMENTS)
    emulator._shelf._processing = 1.0  # the batch is late, not its file
    async with place.open(azure(place), poll_first=36_000.0, poll_most=36_000.0) as ledger:
        batch = await created(ledger, 1)
        began = place.clock.now()
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert place.clock.now() - began > DAY
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 1}
        assert "batch_stalled" in await types_told(ledger, batch.id)


@pytest.mark.parametrize(("flagged", "quirks"), [(0, []), (3, [ALL_QUIRKS])])
async def test_a_batch_may_have_blobs_for_its_files(
    place: Place, flagged: int, quirks: list[str]
) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS, sas=SAS, quirks=quirks)
    url = place.environment()["AZURE_OPENAI_ENDPOINT"]
    storage = {"container": emulator.container_url(url), "sas": SAS}
    lines = chat_lines(5) + chat_lines(flagged, prefix="no", messages=FLAGGED)
    setup = azure(place, storage=storage, staged_inputs="delete")
    async with place.open(setup) as ledger:
        batch = await created(
            ledger, lines, metadata={"team": "search"}, output_expires_after=ExpiresAfter(DAY)
        )
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert (done.status, done.metadata) == ("completed", {"team": "search"})
        wanted = {"ok": 5, **({"blocked": 3} if flagged else {})}
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == wanted
        assert receipt.cost is not None
        assert receipt.cost > 0
        uploaded = (await job_of(ledger, batch.id)).provider_file_id or ""
        assert uploaded.startswith(storage["container"])
        # nothing went through the files API, and the input is gone
        assert emulator.requests.matching("POST", "/openai/v1/files") == []
        assert emulator._containers.list("batches", "") == []
        assert len(await ledger.receipts(batch.id)) == 1


async def test_a_result_that_is_written_late_is_waited_for_though_the_batch_was_cancelled(
    place: Place,
) -> None:
    emulator = place.emulate("azure", time_scale=1, deployments=DEPLOYMENTS, sas=SAS)
    url = place.environment()["AZURE_OPENAI_ENDPOINT"]
    storage = {"container": emulator.container_url(url), "sas": SAS}
    missing = "<Error><Code>BlobNotFound</Code><Message>Not there.</Message></Error>"
    async with place.open(azure(place, storage=storage)) as ledger:
        batch = await created(ledger, 40)

        async def some() -> bool:
            return (await job_of(ledger, batch.id)).completed > 3

        await follow(ledger, some)
        late = emulator.faults.add(Fault("GET", "/blob/**", Status(404, body=missing), times=2))
        await ledger.cancel_batch(batch.id)
        await follow(ledger)
        assert late.fired == 2
        assert (await ledger.retrieve_batch(batch.id)).status == "cancelled"
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.proof.outcomes["ok"] > 3


async def test_a_lost_reply_to_a_create_of_a_blob_makes_one_batch(place: Place) -> None:
    quirks = ["decoded-blob-urls"]
    emulator = place.emulate("azure", deployments=DEPLOYMENTS, sas=SAS, quirks=quirks)
    url = place.environment()["AZURE_OPENAI_ENDPOINT"]
    storage = {"container": emulator.container_url(url), "sas": SAS, "prefix": "our batches"}
    emulator.faults.add("PUT /blob/** lost")
    emulator.faults.add("POST /openai/v1/batches lost")
    async with place.open(azure(place, storage=storage)) as ledger:
        batches = [await created(ledger) for _ in range(2)]
        await follow(ledger)
        for batch in batches:
            assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 3}
        assert len(made_at(emulator)) == 2


async def test_a_resource_that_may_not_read_blobs_fails_the_batch_with_the_reason(
    place: Place,
) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS, sas=SAS, quirks=["blobs-forbidden"])
    url = place.environment()["AZURE_OPENAI_ENDPOINT"]
    storage = {"container": emulator.container_url(url), "sas": SAS}
    async with place.open(azure(place, storage=storage)) as ledger:
        done = await settled(ledger, (await created(ledger)).id)
        assert done.status == "failed"
        assert done.errors is not None
        assert done.errors.data[0].code == "input_no_permissions"
