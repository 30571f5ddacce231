"""Result files that are late, lack something, or hold what nobody asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from batchyard.errors import NotFoundError
from batchyard.ledger import Ledger
from batchyard.models import Receipt
from tests.ledger.life.place import (
    SQLITE,
    Place,
    books,
    content,
    created,
    follow,
    made_at,
    reached,
    settled,
    told,
    types_told,
)

pytestmark = [pytest.mark.anyio, SQLITE]


def used(receipt: Receipt) -> tuple[int, int]:
    return receipt.usage.input_tokens, receipt.usage.output_tokens


async def ids_in(ledger: Ledger, file_id: str | None) -> list[str]:
    rows = (await content(ledger, file_id)).splitlines()
    return [json.loads(row)["custom_id"] for row in rows]


@contextmanager
def without_last_line(emulator: Any) -> Iterator[None]:
    """The output of the newest batch lacks a line, as if it were still being written."""
    batch = made_at(emulator)[-1]
    blob = emulator._shelf.get(batch.output_file_id, emulator.clock.now()).blob
    whole = blob.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    part = b"".join(lines[:-1])
    object.__setattr__(blob, "size", len(part))
    blob.path.write_bytes(part)
    yield
    blob.path.write_bytes(whole)
    object.__setattr__(blob, "size", len(whole))


async def ended(ledger: Ledger, batch_id: str) -> None:
    """Follow until the provider has ended it; it is not settled yet."""

    async def condition() -> bool:
        return (await ledger.batch(batch_id)).phase != "open"

    await follow(ledger, condition)


def end_at_provider(emulator: Any, clock: Any) -> None:
    clock.advance(100)
    assert made_at(emulator)[-1].is_closed


async def test_files_that_are_named_late_are_waited_for(place: Place) -> None:
    emulator = place.emulate(quirks=["late-output-file=4"])
    async with place.open() as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "finalizing"))
        await ledger.tracker.step()
        waiting = await ledger.batch(batch.id)
        assert waiting.phase == "ended"
        assert waiting.reason is not None
        assert "names no output file" in waiting.reason
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.outcomes == {"ok": 3}
        assert used(receipt) == books(emulator)


async def test_files_that_come_after_the_grace_period_are_an_adjustment(place: Place) -> None:
    emulator = place.emulate(quirks=["late-output-file=50"])
    async with place.open(grace=300.0) as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert done.output_file_id is None
        first = await ledger.receipt(batch.id)
        assert first.proof.outcomes == {"missing": 3}
        assert not first.proof.complete
        old = done.error_file_id
        assert old is not None

        made_at(emulator)[0].late_reads = 0
        await follow(ledger)
        settlement, adjustment = await ledger.receipts(batch.id)
        assert (settlement.number, settlement.kind) == (0, "settlement")
        assert (adjustment.number, adjustment.kind) == (1, "adjustment")
        assert settlement == first
        whole = await ledger.receipt(batch.id)
        assert whole.proof.outcomes == {"ok": 3}
        assert used(whole) == used(adjustment) == books(emulator)
        assert whole.cost == adjustment.cost is not None
        assert whole.state == "priced"

        after = await ledger.retrieve_batch(batch.id)
        assert after.request_counts is not None
        assert (after.request_counts.completed, after.request_counts.failed) == (3, 0)
        assert await ids_in(ledger, after.output_file_id) == ["r-0", "r-1", "r-2"]
        assert after.error_file_id is None
        with pytest.raises(NotFoundError):
            await ledger.file(old)
        types = await types_told(ledger, batch.id)
        assert types.count("batch_success") == types.count("batch_adjusted") == 1
        assert types[-1] == "batch_adjusted"
        assert (await told(ledger, batch.id))[-1].receipt == adjustment


async def test_a_line_that_comes_late_is_added_and_the_others_are_not_billed_again(
    place: Place,
) -> None:
    emulator = place.emulate()
    async with place.open(grace=120.0) as ledger:
        batch = await created(ledger, 5)
        await ledger.tracker.step()
        end_at_provider(emulator, place.clock)
        with without_last_line(emulator):
            done = await settled(ledger, batch.id)
            assert done.request_counts is not None
            assert done.request_counts.completed == 4
            first = await ledger.receipt(batch.id)
            assert first.proof.outcomes == {"ok": 4, "missing": 1}
            assert used(first) < books(emulator)
        await follow(ledger)
        receipts = await ledger.receipts(batch.id)
        assert [one.kind for one in receipts] == ["settlement", "adjustment"]
        whole = await ledger.receipt(batch.id)
        assert whole.proof.outcomes == {"ok": 5}
        assert used(whole) == books(emulator)
        assert whole.usage.input_tokens == sum(one.usage.input_tokens for one in receipts)
        assert whole.cost == sum((one.cost or Decimal(0) for one in receipts), Decimal(0))
        after = await ledger.retrieve_batch(batch.id)
        assert await ids_in(ledger, after.output_file_id) == [f"r-{number}" for number in range(5)]


async def test_lines_that_never_come_are_looked_for_some_times_and_then_no_more(
    place: Place,
) -> None:
    emulator = place.emulate(quirks=["missing-rows=2"])
    async with place.open() as ledger:
        batch = await created(ledger, 5)
        await follow(ledger)
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.outcomes == {"ok": 3, "missing": 2}
        done = await ledger.retrieve_batch(batch.id)
        assert done.request_counts is not None
        assert (done.request_counts.completed, done.request_counts.failed) == (3, 2)
        assert len(await ids_in(ledger, done.error_file_id)) == 2
        types = await types_told(ledger, batch.id)
        assert (types.count("batch_success"), types.count("batch_adjusted")) == (1, 0)
        assert (await ledger.batch(batch.id)).next_at is None
        assert len(emulator.requests) < 120


async def test_an_error_file_without_a_byte_is_no_error(place: Place) -> None:
    """Azure names one for every batch (Azure OpenAI batch guide, troubleshooting)."""
    emulator = place.emulate("azure")
    setup = place.setup(accounts=[place.served("azure")])
    async with place.open(setup) as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (made_at(emulator)[0].error_file_id, done.error_file_id) != (None, None)
        assert done.error_file_id is None
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 3}
        assert used(receipt) == books(emulator)


@pytest.mark.parametrize(
    ("quirks", "outcomes", "odd"),
    [
        (["malformed-line=1"], {"ok": 4, "missing": 1}, (0, 0, 1)),
        (["duplicated-rows=2"], {"ok": 5}, (2, 0, 0)),
        (["stranger-row"], {"ok": 5}, (0, 1, 0)),
        (["zero-status-rows=2"], {"ok": 3, "error": 2}, (0, 0, 0)),
        (["blank-rows=2"], {"ok": 3, "error": 2}, (0, 0, 0)),
        (["flaky-rows=0.4"], {"ok": 2, "error": 3}, (0, 0, 0)),
        (["empty-string-file-ids"], {"ok": 5}, (0, 0, 0)),
    ],
)
async def test_one_odd_line_costs_one_line(
    place: Place, quirks: list[str], outcomes: dict[str, int], odd: tuple[int, int, int]
) -> None:
    place.emulate(quirks=quirks)
    async with place.open(grace=60.0) as ledger:
        batch = await created(ledger, 5)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        proof = (await ledger.receipt(batch.id)).proof
        assert proof.outcomes == outcomes
        assert (proof.duplicates, proof.strangers, proof.malformed) == odd
        assert proof.lines == sum(outcomes.values()) == 5
        rows = [
            *(await ids_in(ledger, done.output_file_id)),
            *(await ids_in(ledger, done.error_file_id) if done.error_file_id else []),
        ]
        assert sorted(rows) == [f"r-{number}" for number in range(5)]


async def test_a_download_that_breaks_off_is_done_again_and_counted_once(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("GET /v1/files/*/content truncate=700 times=5")
    emulator.faults.add("GET /v1/files/*/content 500 times=5")
    async with place.open() as ledger:
        batch = await created(ledger, 5)
        done = await settled(ledger, batch.id)
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.outcomes == {"ok": 5}
        assert used(receipt) == books(emulator)
        assert await ids_in(ledger, done.output_file_id) == [f"r-{number}" for number in range(5)]
        assert (await ledger.batch(batch.id)).reason is None


@pytest.mark.parametrize("status", [404, 410])
async def test_files_that_are_gone_leave_their_lines_missing_after_the_grace_period(
    place: Place, status: int
) -> None:
    emulator = place.emulate()
    emulator.faults.add(f"GET /v1/files/*/content {status} times=always")
    async with place.open(grace=300.0) as ledger:
        batch = await created(ledger)
        began = place.clock.now()
        done = await settled(ledger, batch.id)
        assert 300 < place.clock.now() - began < 700
        assert done.status == "completed"
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"missing": 3}


async def test_files_that_nobody_may_read_are_not_given_up(place: Place) -> None:
    """An operator can mend that, and what was used is billed all the same."""
    emulator = place.emulate()
    emulator.faults.add("GET /v1/files/*/content 403 times=30")
    async with place.open(grace=300.0) as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 3}
        assert used(receipt) == books(emulator)


async def test_an_input_without_its_index_is_indexed_again(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, 5)
        for path in (place.folder / "store").glob("**/lines.index"):
            path.unlink()
        await settled(ledger, batch.id)
        assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 5}


async def test_results_whose_input_is_lost_are_kept_and_priced(place: Place) -> None:
    """What cannot be checked is not called complete."""
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, 5)
        await ended(ledger, batch.id)
        assert batch.input_file_id is not None
        ledger.parts.store.delete_all(batch.input_file_id)
        done = await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.lines is None
        assert not receipt.proof.complete
        assert receipt.proof.outcomes == {"ok": 5}
        assert used(receipt) == books(emulator)
        assert len(await ids_in(ledger, done.output_file_id)) == 5
