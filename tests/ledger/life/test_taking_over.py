"""Batches made elsewhere, a ledger that is lost, other prices, and foreign usage."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from batchyard.drivers import AsyncDriver
from batchyard.errors import NotFoundError
from batchyard.hookspecs import hookimpl
from batchyard.ledger import Served
from batchyard.lines import ResultLine
from batchyard.models import Batch, BatchRequest, FileUpload, Identity, Ref, Usage
from batchyard.registry import Account
from batchyard.steps import BytesSource, normalised
from batchyard_openai import OpenAI, Settings
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
    CHAT,
    SQLITE,
    Place,
    all_batches,
    books,
    content,
    created,
    follow,
    made_at,
    rewritten,
    settled,
    types_told,
)

pytestmark = pytest.mark.anyio

ALICE = Identity("alice", None, ("x",))


async def made_elsewhere(served: Served, count: int = 3) -> Batch:
    """A batch that somebody has made without a ledger."""
    call = served.call("elsewhere")
    upload = FileUpload(BytesSource(chat_lines(count)), "theirs.jsonl")
    file = await served.run(served.account.upload_file(call, upload))
    request = BatchRequest(Ref(file.id), CHAT, "24h", {"their": "own"})
    return await served.run(served.account.create_batch(call, request))


async def test_a_batch_made_elsewhere_is_followed_and_settled(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as ledger:
        theirs = await made_elsewhere(ledger.parts.accounts.get())
        batch = await ledger.adopt(theirs.id, who=ALICE)
        assert batch.id != theirs.id
        assert batch.metadata == {"their": "own"}
        assert (await ledger.adopt(theirs.id)).id == batch.id
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.complete
        assert receipt.identity == ALICE
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert len((await content(ledger, done.output_file_id)).splitlines()) == 3
        types = await types_told(ledger, batch.id)
        assert (types[0], types[-1]) == ("acreate_batch", "batch_success")
        assert len(made_at(emulator)) == 1


@SQLITE
async def test_one_that_has_ended_long_ago_is_settled_at_once(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        theirs = await made_elsewhere(ledger.parts.accounts.get())
        place.clock.advance(3600)
        batch = await ledger.adopt(theirs.id)
        assert (await settled(ledger, batch.id)).status == "completed"
        receipt = await ledger.receipt(batch.id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)


@SQLITE
async def test_without_its_input_its_completeness_stays_unknown(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        served = ledger.parts.accounts.get()
        theirs = await made_elsewhere(served)
        place.clock.advance(100)
        made_at(emulator)
        await served.run(
            served.account.delete_file(served.call("x"), Ref(theirs.input_file_id or ""))
        )
        batch = await ledger.adopt(theirs.id)
        done = await settled(ledger, batch.id)
        assert done.input_file_id is None
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.lines is None
        assert receipt.proof.outcomes == {"ok": 3}
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)
        assert receipt.state == "priced"


@SQLITE
async def test_what_is_not_there_is_not_taken_over(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        with pytest.raises(NotFoundError):
            await ledger.adopt("batch_unknown")
        assert await all_batches(ledger) == []


async def test_taken_over_twice_at_a_time_it_is_one_batch(place: Place) -> None:
    place.emulate(time_scale=1)
    async with place.open() as first, place.open() as second:
        theirs = await made_elsewhere(first.parts.accounts.get())
        both = await asyncio.gather(*(one.adopt(theirs.id) for one in (first, second) * 2))
        assert len({one.id for one in both}) == 1
        assert len(await all_batches(first)) == 1


async def test_after_a_lost_ledger_a_new_one_finds_what_the_old_one_made(
    place: Place, sqlite_template: Path, tmp_path: Path
) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as lost:
        ids = [(await created(lost, 2, metadata={"n": str(n)})).id for n in range(3)]
        await settled(lost, ids[0])
        running = await created(lost, 2)
        await lost.tracker.step()
        await made_elsewhere(lost.parts.accounts.get())
    new = Place(str(tmp_path / "new.db"), tmp_path / "new", place.clock)
    shutil.copy(sqlite_template, tmp_path / "new.db")
    async with new.open(replace(place.setup(), clock=place.clock)) as ledger:
        taken = await ledger.rebuild()
        assert len(taken) == 4
        assert sorted((one.metadata or {}).get("n", "") for one in taken) == ["", "0", "1", "2"]
        assert await ledger.rebuild() == []
        await follow(ledger)
        receipts = [await ledger.receipt(one.id) for one in taken]
        assert all(one.proof.complete for one in receipts)
        theirs = made_at(emulator)[-1].run.usage
        mine = sum(one.usage.total_tokens for one in receipts)
        assert mine == sum(books(emulator)) - theirs.input - theirs.output
        assert running.id not in {one.id for one in taken}


@SQLITE
async def test_a_rebuild_leaves_alone_what_a_job_is_about_to_find(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    emulator.faults.add("POST /v1/batches lost")
    emulator.faults.add("GET /v1/batches 503 times=20")
    async with place.open() as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        emulator.faults.clear()
        assert len(made_at(emulator)) == 1
        assert await ledger.rebuild() == []
        assert (await settled(ledger, batch.id)).status == "completed"


async def test_new_prices_are_a_record_of_their_own(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
        first = await ledger.receipt(batch.id)
        assert await ledger.reprice(batch.id) is None
        unsettled = await created(ledger)
        assert await ledger.reprice(unsettled.id) is None
    model = first.items[0].model or ""
    prices = {model: {"input": Decimal(7), "output": Decimal(11)}}
    setup = place.setup(accounts=[place.served(prices=prices)])
    async with place.open(setup) as ledger:
        difference = await ledger.reprice(batch.id)
        assert difference is not None
        assert (difference.number, difference.kind) == (1, "repricing")
        whole = await ledger.receipt(batch.id)
        usage = first.usage
        expected = (usage.input_tokens * 7 + usage.output_tokens * 11) / Decimal(1_000_000)
        assert whole.cost == expected
        assert first.cost is not None
        assert difference.cost == expected - first.cost
        assert whole.usage == first.usage
        assert whole.proof == first.proof
        assert (await ledger.receipts(batch.id))[0] == first
        assert await ledger.reprice(batch.id) is None
        types = await types_told(ledger, batch.id)
        assert types.count("batch_repriced") == 1
        assert types.count("batch_success") == 1


class Foreign(OpenAI):
    """A provider whose answers count cached tokens beside the others, and name them oddly."""

    name: ClassVar[str] = "foreign"

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:  # noqa: ARG002
        return read_tokens


def read_tokens(result: ResultLine) -> Usage:
    body = result.body
    meter = body["meter"]
    usage = Usage(
        input_tokens=meter["fresh"],
        cached_tokens=meter["again"],
        output_tokens=meter["said"],
        reasoning_tokens=meter["thought"],
        model=body["engine"],
    )
    return normalised(usage, cached="beside", reasoning="beside")


@SQLITE
async def test_a_foreign_usage_shape_is_settled_through_its_own_reader(place: Place) -> None:
    emulator = place.emulate()
    settings = Settings.from_environment(place.environment())
    assert settings is not None
    made = Foreign(settings)
    account = Account("far", "foreign", made, middleware={}, listeners=[], origin="a test")
    prices = {"engine-1": {"input": "1", "cached_input": "0.25", "output": "4"}}
    served = Served(account, AsyncDriver(account, clock=place.clock), prices)
    async with place.open(place.setup(accounts=[served])) as ledger:
        batch = await created(ledger, 2)
        await ledger.tracker.step()

        def translated(row: dict[str, Any]) -> None:
            meter = {"fresh": 100, "again": 50, "said": 10, "thought": 30}
            row["response"]["body"] = {"engine": "engine-1", "meter": meter}

        rewritten(emulator, translated)
        await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        (item,) = receipt.items
        assert (item.model, item.provider, item.account, item.lines) == (
            "engine-1",
            "foreign",
            "far",
            2,
        )
        usage = item.usage
        assert (usage.input_tokens, usage.cached_tokens) == (300, 100)
        assert (usage.output_tokens, usage.reasoning_tokens) == (80, 60)
        # 200 fresh at 1, 100 cached at 0.25, 80 out at 4, for a million
        assert receipt.cost == Decimal("0.000545")
