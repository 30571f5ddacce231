"""Two workers, a slow provider, and what comes in between: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from batchyard.drivers import AsyncDriver
from batchyard.effects import Plan
from batchyard.errors import ConfigError, LedgerUnavailableError, RateLimitError
from batchyard.ledger import Ledger, Served, leasing
from batchyard.ledger.accounts import MOST_ABSENT, Accounts
from batchyard.ledger.jobs import observe
from batchyard.ledger.jobs._moves import put_off
from batchyard.ledger.jobs._submitting import _begin
from batchyard.ledger.jobs._twins import record_twin
from batchyard.ledger.settling import _settling
from batchyard.ledger.tables import batches, jobs
from batchyard.ledger.tracker import _polling, _tracker
from batchyard.models import Batch, BatchRequest, FileUpload, Ref
from batchyard.steps import BytesSource
from batchyard.testing import ManualClock
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
    CHAT,
    Place,
    all_batches,
    books,
    change,
    created,
    follow,
    job_of,
    jobs_of,
    made_at,
    settled,
    told,
    types_told,
)
from tests.ledger.life.test_taking_over import made_elsewhere

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
def place(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    made = Place(database_url, tmp_path, clock)
    yield made
    made.close()


class Interrupted(AsyncDriver):
    """Does something else before the reply to one kind of call reaches its caller."""

    kind = ""
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def run(self, plan: Plan[T]) -> T:
        mine = getattr(plan, "__qualname__", "").endswith(self.kind)
        result = await super().run(plan)
        if mine and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await act()
        return result


def interrupt(ledger: Ledger, kind: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
    driver: Any = ledger.parts.accounts.get("openai").driver
    driver.kind, driver.meanwhile = kind, meanwhile


async def tracked(ledger: Ledger, batch_id: str) -> None:
    async def condition() -> bool:
        return all(one.state == "tracking" for one in await jobs_of(ledger, batch_id))

    await follow(ledger, condition)


def cancels(emulator: Any) -> int:
    return len(emulator.requests.matching("POST", "/v1/batches/*/cancel"))


@pytest.mark.parametrize(("kind", "count"), [("retrieve_batch", 1), ("list_batches", 6)])
async def test_a_cancel_that_comes_while_the_job_is_looked_at_is_sent_at_once(
    place: Place, kind: str, count: int
) -> None:
    emulator = place.emulate(time_scale=50)
    setup = place.setup(accounts=[place.served(driver=Interrupted)])
    async with place.open(setup, poll_first=5.0) as ledger:
        ids = [(await created(ledger)).id for _ in range(count)]
        for batch_id in ids:
            await tracked(ledger, batch_id)
        place.clock.advance(600)

        async def cancel() -> None:
            place.clock.advance(1)
            await ledger.cancel_batch(ids[0])

        interrupt(ledger, kind, cancel)
        await ledger.tracker.step()
        assert cancels(emulator) == 0
        await ledger.tracker.step()
        assert cancels(emulator) == 1
        await ledger.tracker.step()
        assert cancels(emulator) == 1


async def test_a_cancel_that_comes_while_a_create_fails_is_not_put_off(place: Place) -> None:
    emulator = place.emulate()
    emulator.faults.add("POST /v1/batches 429 times=always retry-after=3000")
    async with place.open() as ledger:
        batch = await created(ledger)
        parts = ledger.parts
        job = await job_of(ledger, batch.id)

        epoch = await leasing.claim(parts, jobs, job.id, jobs.c.state == "pending")

        begun = await _begin(parts, replace(job, epoch=epoch or 0), "uploading")
        assert begun is not None
        place.clock.advance(1)
        await ledger.cancel_batch(batch.id)
        await put_off(parts, begun[1], RateLimitError("later", retry_after=3000.0))
        await leasing.release(parts, jobs, job.id, epoch or 0)
        await ledger.tracker.step()
        assert (await job_of(ledger, batch.id)).state == "ended"
        assert len(made_at(emulator)) == 0


async def test_what_was_seen_of_a_job_before_its_twin_took_its_place_is_not_written(
    place: Place,
) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        await tracked(ledger, batch.id)
        served = ledger.parts.accounts.get("openai")
        before = await job_of(ledger, batch.id)
        ref = Ref(before.provider_batch_id or "")
        older = await served.run(served.account.retrieve_batch(served.call("x"), ref))
        older = older.model_copy(update={"id": "batch_older", "created_at": 1})
        place.clock.advance(600)
        seen = await served.run(served.account.retrieve_batch(served.call("x"), ref))
        assert seen.terminal
        await record_twin(ledger.parts, before, older)
        assert (await jobs_of(ledger, batch.id))[0].provider_batch_id == "batch_older"
        # the answer was about the other one
        assert await observe(ledger.parts, before, seen) is None
        assert [one.state for one in await jobs_of(ledger, batch.id)] == ["tracking"] * 2


@pytest.mark.parametrize(
    ("own", "other", "made", "kept"),
    [
        ("in_progress", "in_progress", -10, "other"),
        ("in_progress", "in_progress", 10, "own"),
        # what failed is no better for being older
        ("in_progress", "failed", -10, "own"),
        ("failed", "in_progress", 10, "other"),
        # and what is done is paid for
        ("completed", "in_progress", -10, "own"),
        ("in_progress", "completed", 10, "other"),
    ],
)
async def test_of_two_batches_the_better_is_kept(
    place: Place, own: str, other: str, made: int, kept: str
) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        await tracked(ledger, batch.id)
        job = await job_of(ledger, batch.id)
        mine = Batch(id=job.provider_batch_id or "", status=own, created_at=1000)
        twin = Batch(id="batch_other", status=other, created_at=1000 + made)
        assert await record_twin(ledger.parts, job, twin, mine) == (kept == "other")
        ids = {"own": mine.id, "other": twin.id}
        first, second = await jobs_of(ledger, batch.id)
        assert first.provider_batch_id == ids[kept]
        assert second.provider_batch_id != ids[kept]
        assert second.twin_of == first.id
        (reason,) = [one.reason for one in await told(ledger, batch.id) if one.reason]
        assert f"{ids[kept]} is kept" in reason


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_twin_that_turns_up_late_does_not_take_the_place_of_what_has_ended(
    place: Place, status: str
) -> None:
    """Nobody would look at it there: it is followed beside, and settled."""
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        await tracked(ledger, batch.id)
        job = await job_of(ledger, batch.id)
        # as where another job of the batch still runs
        await change(ledger, jobs, job.id, state="ended", status=status)
        twin = Batch(id="batch_other", status="in_progress", created_at=1)
        assert not await record_twin(ledger.parts, job, twin)
        first, second = await jobs_of(ledger, batch.id)
        assert (first.provider_batch_id, first.state) == (job.provider_batch_id, "ended")
        assert (second.provider_batch_id, second.state) == (twin.id, "tracking")


async def test_a_twin_that_was_adopted_is_no_twin(place: Place) -> None:
    """Somebody has taken over the stray batch as one of its own: it has its receipt there."""
    place.emulate(time_scale=10)
    async with place.open(poll_first=60.0) as ledger:
        batch = await created(ledger)
        await tracked(ledger, batch.id)
        job = await job_of(ledger, batch.id)
        served = ledger.parts.accounts.get("openai")
        call = served.call("x", marker=job.marker)
        file = Ref(job.provider_file_id or "")
        stray = await served.run(
            served.account.create_batch(call, BatchRequest(file, CHAT, own_input=True))
        )
        await ledger.adopt(stray.id, account="openai")
        await change(ledger, jobs, job.id, twins_at=place.clock.now(), sends=2)
        await follow(ledger)
        assert len(await jobs_of(ledger, batch.id)) == 1
        assert {one.phase for one in await all_batches(ledger)} == {"settled"}


class AtOnce(AsyncDriver):
    """A provider whose cancel is an end at once."""

    async def run(self, plan: Plan[T]) -> T:
        name = getattr(plan, "__qualname__", "")
        result = await super().run(plan)
        if name.endswith("cancel_batch") and isinstance(result, Batch):
            return result.model_copy(update={"status": "cancelled"})
        return result


async def test_a_twin_is_looked_for_before_a_cancel_ends_the_job(place: Place) -> None:
    emulator = place.emulate(time_scale=50)
    setup = place.setup(accounts=[place.served(driver=AtOnce)])
    async with place.open(setup) as ledger:
        batch = await created(ledger)
        await tracked(ledger, batch.id)
        job = await job_of(ledger, batch.id)
        await change(ledger, jobs, job.id, twins_at=place.clock.now() + 90)
        await ledger.cancel_batch(batch.id)
        await ledger.tracker.step()
        assert cancels(emulator) == 1
        assert (await job_of(ledger, batch.id)).state == "tracking"
        place.clock.advance(3600)
        await follow(ledger)
        assert emulator.requests.matching("GET", "/v1/batches")
        assert (await job_of(ledger, batch.id)).state == "ended"


class Hanging(AsyncDriver):
    """A provider that answers nothing once it hangs."""

    hangs = False

    async def run(self, plan: Plan[T]) -> T:
        if self.hangs:
            plan.close()
            await asyncio.Event().wait()
        return await super().run(plan)


async def test_a_provider_that_hangs_keeps_no_other_account_waiting(place: Place) -> None:
    place.emulate()
    slow = place.served(name="slow", driver=Hanging)
    setup = place.setup(accounts=[slow, place.served(name="quick")])
    async with place.open(setup) as ledger:
        stuck = await created(ledger, account="slow")
        await tracked(ledger, stuck.id)
        driver: Any = slow.driver
        driver.hangs = True
        other = await created(ledger, account="quick")
        running = asyncio.create_task(ledger.tracker.run())
        try:
            async with asyncio.timeout(20):
                while (await ledger.batch(other.id)).phase != "settled":  # noqa: ASYNC110 - a row
                    await asyncio.sleep(0.01)
            assert await ledger.followed_by() == "this process"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert (await ledger.batch(stuck.id)).phase == "open"


async def test_an_account_with_much_to_send_keeps_no_other_waiting(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(_tracker, "DISPATCHED", 4)
    place.emulate()
    setup = place.setup(accounts=[place.served(name="a"), place.served(name="b")])
    async with place.open(setup) as ledger:
        for _ in range(8):
            await created(ledger, 1, account="a")
        other = await created(ledger, 1, account="b")
        due = await ledger.tracker._due_batches()
        assert other.id in due
        assert len(due) == 3


class Broken(AsyncDriver):
    async def run(self, plan: Plan[T]) -> T:
        if getattr(plan, "__qualname__", "").endswith("list_batches"):
            plan.close()
            raise KeyError("data")
        return await super().run(plan)


async def test_a_mistake_in_a_plugins_list_does_not_end_the_watch(place: Place) -> None:
    place.emulate(time_scale=1)
    async with place.open(place.setup(accounts=[place.served(driver=Broken)])) as ledger:
        ids = [(await created(ledger, 1)).id for _ in range(6)]
        for batch_id in ids:
            assert (await settled(ledger, batch_id)).status == "completed"


async def test_a_sweep_that_takes_long_stays_the_only_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_polling, "LEASE", 0.3)
    place.emulate(time_scale=50)
    setup = place.setup(accounts=[place.served(driver=Interrupted)])
    async with place.open(setup) as first, place.open() as second:
        batch = await created(first)
        await tracked(first, batch.id)
        place.clock.advance(600)
        swept: list[int] = []

        async def again() -> None:
            # of this process, and of another long after the lease was taken
            swept.append(await _polling.poll(first.parts, "openai"))
            for _ in range(4):
                place.clock.advance(0.2)
                await asyncio.sleep(0.25)
            swept.append(await _polling.poll(second.parts, "openai"))

        interrupt(first, "retrieve_batch", again)
        assert await _polling.poll(first.parts, "openai") == 1
        assert swept == [0, 0]


async def test_a_claim_outlives_a_database_that_was_away() -> None:
    calls = 0
    back = asyncio.Event()

    async def renew() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LedgerUnavailableError("away")
        back.set()

    async with leasing.kept(renew, 0.001), asyncio.timeout(5):
        await back.wait()


async def test_a_settlement_that_cannot_be_configured_here_is_not_tried_all_the_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)

        tries = 0

        async def refused(*_: Any) -> bool:
            nonlocal tries
            tries += 1
            raise ConfigError("the credentials cannot be read")

        monkeypatch.setattr(_settling, "_settle", refused)

        async def ended() -> bool:
            return tries > 0

        await follow(ledger, ended)
        for _ in range(5):
            await ledger.tracker.step()
        assert tries == 1
        monkeypatch.undo()
        assert (await settled(ledger, batch.id)).status == "completed"


async def test_files_that_are_gone_from_the_provider_are_no_late_lines(place: Place) -> None:
    """A batch that lacks a line, whose error file the provider has deleted since."""
    emulator = place.emulate(time_scale=1, quirks=["flaky-rows=0.5"])
    async with place.open() as ledger:
        batch = await created(ledger, 20)
        done = await settled(ledger, batch.id)
        (receipt,) = await ledger.receipts(batch.id)
        assert done.error_file_id is not None
        assert receipt.proof.outcomes.get("error", 0) > 0

        emulator.faults.add(
            f"GET /v1/files/{made_at(emulator)[-1].error_file_id}/content 404 times=always"
        )
        await change(ledger, batches, batch.id, next_at=place.clock.now())
        await follow(ledger)
        assert await ledger.receipts(batch.id) == [receipt]
        assert "batch_adjusted" not in await types_told(ledger, batch.id)
        assert (await ledger.retrieve_batch(batch.id)).error_file_id == done.error_file_id


async def test_an_input_that_is_deleted_after_the_settlement_changes_nothing(
    place: Place,
) -> None:
    emulator = place.emulate(time_scale=1, quirks=["flaky-rows=0.5"])
    emulator.faults.add("GET /v1/files/*/content 404 times=always")
    async with place.open(grace=0.0) as ledger:
        batch = await created(ledger, 20)
        await settled(ledger, batch.id)
        (receipt,) = await ledger.receipts(batch.id)
        assert receipt.proof.outcomes == {"missing": 20}
        await ledger.delete_file(batch.input_file_id or "")
        await follow(ledger)
        assert await ledger.receipts(batch.id) == [receipt]
        assert "batch_adjusted" not in await types_told(ledger, batch.id)


async def test_names_of_accounts_that_are_not_there_do_not_gather() -> None:
    def none(name: str | None) -> Served:
        raise ConfigError(f"no account {name}")

    accounts = Accounts(none)
    for number in range(3 * MOST_ABSENT):
        with pytest.raises(ConfigError):
            accounts.get(f"account-{number}")
    assert len(accounts.absent) <= MOST_ABSENT + 1
    assert accounts.absent[-1] == f"account-{3 * MOST_ABSENT - 1}"


async def test_two_that_adopt_one_batch_get_the_same(place: Place) -> None:
    emulator = place.emulate(time_scale=1)
    async with place.open() as first, place.open() as second:
        theirs = await made_elsewhere(first.parts.accounts.get())
        adopted = await asyncio.gather(*(one.adopt(theirs.id) for one in (first, second) * 2))
        assert len({one.id for one in adopted}) == 1
        assert len(await all_batches(first)) == 1
        await settled(first, adopted[0].id)
        receipt = await first.receipt(adopted[0].id)
        assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == books(emulator)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("provider", ["azure", "gemini", "openai", "vertex"])
async def test_of_two_batches_of_one_file_the_older_is_found(place: Place, provider: str) -> None:
    """So that a job that has the younger finds out that there is another."""
    place.emulate(provider, time_scale=50)
    served = place.served(provider)
    model = "gemini-2.5-flash" if provider in {"gemini", "vertex"} else "gpt-4.1-mini"
    try:
        call = served.call("x", marker="batchyard-0123456789abcdef0123456789abcdef")
        upload = FileUpload(BytesSource(chat_lines(2, model=model)), f"{call.marker}.jsonl")
        file = await served.run(served.account.upload_file(call, upload))
        input_file = Ref(file.id, file.provider_state)
        request = BatchRequest(input_file, CHAT, "24h", models=(model,), own_input=True)
        made = []
        for _ in range(2):
            made.append(await served.run(served.account.create_batch(call, request)))
            place.clock.advance(61)
        assert made[0].id != made[1].id
        for known, wanted in ((0, made[0].id), (1, made[1].id), (2, None)):
            ids = frozenset(one.id for one in made[:known])
            plan = served.account.find_batch(call, call.marker or "", input_file, None, ids)
            found = await served.run(plan)
            assert (found and found.id) == wanted
    finally:
        await served.driver.close()
