"""What becomes a batch, what does not, and whose it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from batchyard.errors import ConflictError, IdempotencyError, InputError, NotFoundError
from batchyard.hookspecs import Verdict, hookimpl
from batchyard.ledger import BatchOrder, FileOrder, Ledger
from batchyard.models import BatchRequest, Identity, PageRequest
from batchyard.steps import BytesSource
from tests.client.requests import chat_lines
from tests.ledger.life.place import (
    CHAT,
    Place,
    all_batches,
    created,
    jobs_of,
    kept_for,
    settled,
)

pytestmark = pytest.mark.anyio

ALICE = Identity("alice", "research", ("a", "b"))
BOB = Identity("bob")


async def staged(ledger: Ledger, content: bytes, who: Identity = ALICE) -> str:
    return (await ledger.create_file(BytesSource(content), FileOrder("in.jsonl"), who=who)).id


async def test_a_file_that_needs_two_jobs_is_refused(place: Place) -> None:
    emulator = place.emulate()
    setup = place.setup(accounts=[place.served(max_lines=10, max_bytes=20_000)])
    async with place.open(setup) as ledger:
        many = await staged(ledger, chat_lines(11))
        with pytest.raises(InputError, match="11 requests, and a batch takes 10") as too_many:
            await ledger.create_batch(BatchOrder(many, CHAT))
        assert too_many.value.code == "too_many_tasks"

        two = await staged(ledger, chat_lines(1) + chat_lines(1, prefix="b", model="gpt-4.1"))
        with pytest.raises(InputError, match="2 models") as mixed:
            await ledger.create_batch(BatchOrder(two, CHAT))
        assert mixed.value.code == "mismatched_model"

        big = await staged(ledger, chat_lines(1, user="x" * 30_000))
        with pytest.raises(InputError, match="a batch takes 20,000") as large:
            await ledger.create_batch(BatchOrder(big, CHAT))
        assert large.value.code == "file_too_large"
        assert await all_batches(ledger) == []
        assert len(emulator.requests) == 0


async def test_what_does_not_fit_the_file_or_the_api_is_refused(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        file = await staged(ledger, chat_lines(1))
        wrong: list[tuple[BatchOrder, str | None, str]] = [
            (BatchOrder(file, "/v1/embeddings"), "invalid_url", "endpoint"),
            (BatchOrder(file, "/v1/nonsense"), None, "endpoint"),
            (BatchOrder(file, CHAT, "7d"), None, "completion_window"),
            (BatchOrder(file, CHAT, metadata={str(n): "" for n in range(17)}), None, "metadata"),
            (BatchOrder(file, CHAT, metadata={"k" * 65: ""}), None, "metadata"),
            (BatchOrder(file, CHAT, metadata={"k": "v" * 513}), None, "metadata"),
            (BatchOrder(file, CHAT, metadata={"k": 1}), None, "metadata"),  # type: ignore[dict-item]
        ]
        for order, code, param in wrong:
            with pytest.raises(InputError) as refused:
                await ledger.create_batch(order)
            assert refused.value.status_hint == 400
            assert refused.value.param == param
            assert code is None or refused.value.code == code
        other = await ledger.create_file(
            BytesSource(b"a story"), FileOrder("story.txt", "user_data")
        )
        with pytest.raises(InputError, match="user_data"):
            await ledger.create_batch(BatchOrder(other.id, CHAT))
        with pytest.raises(NotFoundError) as absent:
            await ledger.create_batch(BatchOrder("file-none", CHAT))
        assert absent.value.param == "input_file_id"
        assert await all_batches(ledger) == []


async def test_a_gate_may_refuse_the_batch(place: Place) -> None:
    class Poor:
        @hookimpl
        def check_batch(self, batch: BatchRequest) -> Verdict:
            return Verdict.refuse("budget_exceeded", f"No money for {batch.models[0]}.")

    place.emulate()
    async with place.open(place.setup(gates=[("budget", Poor())])) as ledger:
        file = await staged(ledger, chat_lines(1))
        with pytest.raises(InputError, match="No money for gpt") as refused:
            await ledger.create_batch(BatchOrder(file, CHAT))
        assert refused.value.code == "budget_exceeded"
        assert await all_batches(ledger) == []


async def test_whose_it_is_is_kept_as_it_was_at_create(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, who=ALICE)
        await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        assert receipt.identity == ALICE
        found = await ledger.batch(batch.id)
        assert (found.owner, found.team, found.tags) == ("alice", "research", ["a", "b"])
        done = await ledger.retrieve_batch(batch.id)
        assert done.output_file_id is not None
        output = await ledger.file(done.output_file_id)
        assert (output.owner, output.team, output.tags) == ("alice", "research", ["a", "b"])


async def test_what_is_anothers_is_as_if_it_were_not_there(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        file = await staged(ledger, chat_lines(2))
        batch = await ledger.create_batch(BatchOrder(file, CHAT), who=ALICE, owner="alice")
        done = await settled(ledger, batch.id)
        output = done.output_file_id or ""
        calls: list[Callable[[str], Awaitable[object]]] = [
            lambda bob: ledger.retrieve_batch(batch.id, owner=bob),
            lambda bob: ledger.batch(batch.id, owner=bob),
            lambda bob: ledger.cancel_batch(batch.id, owner=bob),
            lambda bob: ledger.receipts(batch.id, owner=bob),
            lambda bob: ledger.receipt(batch.id, owner=bob),
            lambda bob: ledger.retrieve_file(file, owner=bob),
            lambda bob: ledger.file(output, owner=bob),
            lambda bob: ledger.delete_file(file, owner=bob),
            lambda bob: ledger.delete_file(output, owner=bob),
            lambda bob: ledger.create_batch(BatchOrder(file, CHAT), who=BOB, owner=bob),
        ]
        for call in calls:
            with pytest.raises(NotFoundError) as absent:
                await call("bob")
            assert absent.value.status == 404
        missing = [str(absent.value).replace(file, "X")]
        with pytest.raises(NotFoundError) as nothing:
            await ledger.create_batch(BatchOrder("file-no", CHAT), who=BOB, owner="bob")
        assert [str(nothing.value).replace("file-no", "X")] == missing
        assert (await ledger.list_batches(PageRequest(), owner="bob")).data == []
        assert (await ledger.list_files(PageRequest(), owner="bob")).data == []
        assert len((await ledger.list_batches(PageRequest(), owner="alice")).data) == 1
        assert len((await ledger.list_files(PageRequest(), owner="alice")).data) == 2
        assert (await ledger.retrieve_batch(batch.id, owner="alice")).status == "completed"
        assert emulator.requests.matching("POST", "/v1/batches/*/cancel") == []


async def test_a_page_begins_only_after_what_one_may_see(place: Place) -> None:
    """Else an id could be tried for whether it is there."""
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, who=ALICE)
        with pytest.raises(InputError):
            await ledger.list_batches(PageRequest(after=batch.id), owner="bob")
        with pytest.raises(InputError):
            await ledger.list_batches(PageRequest(after="batch_none"), owner="bob")


async def test_one_key_makes_one_batch(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        first = await created(ledger, 3, who=ALICE, idempotency_key="k")
        # the same content, staged again
        again = await created(ledger, 3, who=ALICE, idempotency_key="k")
        assert again.id == first.id
        assert (await created(ledger, 3, who=BOB, idempotency_key="k")).id != first.id
        for order in (
            {"metadata": {"other": "x"}},
            {"output_expires_after": kept_for(7200)},
        ):
            with pytest.raises(IdempotencyError) as refused:
                await created(ledger, 3, who=ALICE, idempotency_key="k", **order)
            assert refused.value.status_hint == 409
        with pytest.raises(IdempotencyError):
            await created(ledger, 4, who=ALICE, idempotency_key="k")
        assert len(await all_batches(ledger)) == 2
        await settled(ledger, first.id)
        assert (await created(ledger, 3, who=ALICE, idempotency_key="k")).id == first.id
        found = await ledger.find_batch("k", owner="alice")
        assert found is not None
        assert found.id == first.id
        assert await ledger.find_batch("k", owner="carol") is None


async def test_one_key_at_one_time_makes_one_batch_over_all_processes(place: Place) -> None:
    place.emulate()
    async with place.open() as first, place.open() as second:
        file = await staged(first, chat_lines(2))
        order = BatchOrder(file, CHAT, idempotency_key="k")
        ledgers = (first, second) * 6
        made = await asyncio.gather(*(one.create_batch(order, who=ALICE) for one in ledgers))
        assert len({one.id for one in made}) == 1
        assert len(await all_batches(first)) == 1
        assert len(await jobs_of(first, made[0].id)) == 1


async def test_a_file_in_use_is_not_deleted(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger)
        assert batch.input_file_id is not None
        with pytest.raises(ConflictError) as refused:
            await ledger.delete_file(batch.input_file_id)
        assert (refused.value.status, refused.value.code) == (409, "file_in_use")
        assert batch.id in str(refused.value)
        await settled(ledger, batch.id)
        assert (await ledger.delete_file(batch.input_file_id)).deleted
        with pytest.raises(NotFoundError):
            await ledger.file(batch.input_file_id)


async def test_of_a_create_and_a_delete_at_one_time_one_is_refused(place: Place) -> None:
    place.emulate()
    async with place.open() as first, place.open() as second:
        ends: Counter[tuple[bool, bool]] = Counter()
        for _ in range(8):
            file = await staged(first, chat_lines(1))
            made, deleted = await asyncio.gather(
                first.create_batch(BatchOrder(file, CHAT)),
                second.delete_file(file),
                return_exceptions=True,
            )
            ends[isinstance(made, Exception), isinstance(deleted, Exception)] += 1
            if isinstance(made, Exception):
                assert isinstance(made, NotFoundError), made
            else:
                assert isinstance(deleted, ConflictError), deleted
        assert set(ends) <= {(True, False), (False, True)}
        for batch in await all_batches(first):
            assert (await settled(first, batch.id)).status == "completed"


async def test_results_expire_as_they_were_asked_to(place: Place) -> None:
    emulator = place.emulate()
    async with place.open() as ledger:
        batch = await created(ledger, output_expires_after=kept_for(7200))
        done = await settled(ledger, batch.id)
        assert done.output_file_id is not None
        file = await ledger.retrieve_file(done.output_file_id)
        assert file.expires_at == pytest.approx(place.clock.now() + 7200, abs=5)
        sent = emulator._board.all()[0].order
        assert sent.output_life == 7200
        place.clock.advance(7300)
        with pytest.raises(NotFoundError):
            await ledger.file(done.output_file_id)
        # the batch and what it cost stay
        assert (await ledger.retrieve_batch(batch.id)).status == "completed"
        assert (await ledger.receipt(batch.id)).usage.total_tokens > 0


async def test_a_walk_meets_each_batch_once_while_others_come(place: Place) -> None:
    place.emulate()
    async with place.open() as ledger, place.open() as other:
        file = await staged(ledger, chat_lines(1))
        order = BatchOrder(file, CHAT)

        async def more(count: int) -> list[str]:
            made = [await other.create_batch(order) for _ in range(count)]
            place.clock.advance(0.25)
            return [one.id for one in made]

        there = [name for _ in range(8) for name in await more(3)]
        for direction in ("desc", "asc"):
            seen: list[str] = []
            after = None
            while True:
                request = PageRequest(after=after, limit=5, order=direction)
                page, new = await asyncio.gather(ledger.list_batches(request), more(2))
                seen += [one.id for one in page.data]
                if not page.has_more or len(seen) > 200:
                    break
                after = page.next_after
                if new and len(seen) > 40:
                    break
            assert len(seen) == len(set(seen))
            assert set(there) <= set(seen)


async def test_a_file_is_as_old_as_its_turn_to_be_written(place: Place) -> None:
    """Who waits for others meanwhile is later than they are: pages are walked by that."""
    async with place.open() as ledger:
        received = await ledger.receive_file(BytesSource(chat_lines(1)))
        async with ledger.parts.db.writing():
            creating = asyncio.create_task(ledger.create_file(received, FileOrder("in.jsonl")))
            for _ in range(100):
                await asyncio.sleep(0)
            if creating.done():
                pytest.skip("this database lets two write at a time")
            place.clock.advance(60)
        assert (await creating).created_at == int(place.clock.now())
