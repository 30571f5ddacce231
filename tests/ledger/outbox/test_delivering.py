"""At least once, in the order of each batch; what is stuck holds its own batch only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from batchyard.errors import PluginFailedError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import Chosen, DeliveryRecord, Outbox, list_events
from batchyard.models import Event
from batchyard.testing import ManualClock
from tests.ledger.outbox.parts import (
    Hanging,
    Refusing,
    Taking,
    batch_rows,
    happened,
    subscribed,
    written,
)

pytestmark = pytest.mark.anyio

DAY = 86_400.0


async def deliveries(db: Database) -> list[DeliveryRecord]:
    found = await list_events(db, order="asc")
    return [one for event in found for one in event.deliveries]


async def test_an_event_is_delivered_as_it_was_written_and_once(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "one", "two")
    event = happened("batch_a", reason="it was told so")
    await written(database, event)
    sinks = {"one": Taking(), "two": Taking()}
    outbox = Outbox(database, sinks)
    assert await outbox.step() == 2
    assert await outbox.step() == 0
    assert sinks["one"].events == sinks["two"].events == [event]
    assert {(one.state, one.attempts) for one in await deliveries(database)} == {("delivered", 1)}
    assert await outbox.next_due() is None


async def test_the_events_of_a_batch_arrive_in_their_order(database: Database) -> None:
    names = [f"batch_{number}" for number in range(5)]
    await batch_rows(database, *names)
    await subscribed(database, "audit")
    hooks = ["batch_created", "batch_status_changed", "batch_success"]
    ids = await written(database, *(happened(name, hook) for hook in hooks for name in names))
    sink = Taking()
    assert await Outbox(database, {"audit": sink}).flush()
    assert sorted(sink.ids) == sorted(ids)
    for name in names:
        of_batch = [one for one in sink.events if one.batch.id == name]  # type: ignore[attr-defined]  # they are all of batches
        assert [one.hook for one in of_batch] == hooks


async def test_a_stuck_event_holds_only_its_own_batch_and_subscription(database: Database) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribed(database, "stuck", "free")
    hooks = ("batch_created", "batch_success")
    ids = await written(
        database, *(happened(name, hook) for name in ("batch_a", "batch_b") for hook in hooks)
    )
    stuck, free = Refusing("batch_a"), Taking()
    outbox = Outbox(database, {"stuck": stuck, "free": free})
    assert not await outbox.flush(0.0)
    while await outbox.step():
        pass
    assert stuck.ids == ids[2:]
    assert sorted(free.ids) == sorted(ids)
    assert stuck.attempts == 1, "it waits for its next attempt"


async def test_whatever_a_receiver_says_can_be_written_down_and_holds_up_nobody(
    database: Database,
) -> None:
    class Odd(Taking):
        async def deliver(self, _: Event) -> None:
            # what Postgres does not take, and what no database does
            raise PluginFailedError(f"503 \x00\ud83d {'R' * 60_000}")

    await batch_rows(database, "batch_a")
    await subscribed(database, "odd", "free")
    ids = await written(database, happened("batch_a"))
    free = Taking()
    assert await Outbox(database, {"odd": Odd(), "free": free}).step() == 1
    assert free.ids == ids
    [error] = [one.error for one in await deliveries(database) if one.error]
    assert error == f"503 ? {'R' * 493}"


async def test_what_could_not_be_delivered_is_tried_again_later_and_then_in_order(
    database: Database, clock: ManualClock
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    ids = list(await written(database, happened("batch_a"), happened("batch_a", "batch_success")))
    sink = Refusing("batch_a")
    outbox = Outbox(database, {"audit": sink})
    await outbox.step()
    due = await outbox.next_due()
    assert due is not None
    assert clock.now() <= due <= clock.now() + 30
    [first, second] = await deliveries(database)
    assert (first.state, first.attempts) == ("pending", 1)
    assert first.error == "sink refusing: deliver failed: OSError: no route"
    assert second.next_at == first.next_at, "it is not looked at before"
    ids += await written(database, happened("batch_a", "batch_adjusted"))
    sink.batches.clear()
    clock.advance(30)
    assert await outbox.flush(1.0)
    assert sink.ids == ids
    assert [one.error for one in await deliveries(database)] == [None] * 3


async def test_the_pauses_grow_and_differ(database: Database, clock: ManualClock) -> None:
    names = [f"batch_{number}" for number in range(40)]
    await batch_rows(database, *names)
    await subscribed(database, "audit")
    await written(database, *map(happened, names))
    outbox = Outbox(database, {"audit": Refusing(*names)})
    longest = []
    for _ in range(4):
        await outbox.step()
        pauses = [(one.next_at or 0.0) - clock.now() for one in await deliveries(database)]
        assert len(set(pauses)) > 30
        longest.append(max(pauses))
        clock.advance(max(pauses))
    bounds = [30.0, 60.0, 120.0, 240.0]
    assert all(bound / 2 < most <= bound for most, bound in zip(longest, bounds, strict=True))


async def test_after_so_many_failures_it_is_dead_and_the_next_one_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")

    class Picky(Refusing):
        async def deliver(self, event: object) -> None:
            if event.hook == "batch_created":  # type: ignore[attr-defined]  # every event has it
                await super().deliver(event)  # type: ignore[arg-type]  # the same
            else:
                self.events.append(event)  # type: ignore[arg-type]  # the same

    [_, second] = await written(database, happened("batch_a"), happened("batch_a", "batch_success"))
    sink = Picky("batch_a")
    outbox = Outbox(database, {"audit": sink}, attempts=3)
    assert await outbox.flush(DAY)
    assert sink.attempts == 3
    assert sink.ids == [second]
    assert [one.state for one in await deliveries(database)] == ["dead", "delivered"]
    assert "an event of batch_a for audit is given up: sink refusing" in caplog.text
    [dead] = await list_events(database, Chosen(dead=True))
    assert dead.body["hook"] == "batch_created"


async def test_any_number_of_workers_deliver_each_event_once(
    database: Database, another: Callable[[], Database]
) -> None:
    names = [f"batch_{number}" for number in range(60)]
    await batch_rows(database, *names)
    await subscribed(database, "audit")
    hooks = ["batch_created", "batch_status_changed", "batch_success"]
    ids = await written(database, *(happened(name, hook) for name in names for hook in hooks))
    sink = Taking()
    async with another() as second, another() as third:
        workers = [Outbox(db, {"audit": sink}) for db in (database, second, third)]

        async def work(outbox: Outbox) -> None:
            while await outbox.next_due() is not None:
                if not await outbox.step(7):
                    await asyncio.sleep(0.002)

        await asyncio.gather(*map(work, workers))
    assert Counter(sink.ids) == Counter(ids)
    for name in names:
        of_batch = [one for one in sink.events if one.batch.id == name]  # type: ignore[attr-defined]  # they are all of batches
        assert [one.hook for one in of_batch] == hooks


async def test_the_claims_of_a_worker_that_died_are_taken_over_after_their_lease(
    database: Database, another: Callable[[], Database], clock: ManualClock
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    [only] = await written(database, happened("batch_a"))
    hanging, sink = Hanging(), Taking()
    async with another() as other:
        dying = asyncio.create_task(Outbox(database, {"audit": hanging}).step())
        await hanging.entered.wait()
        outbox = Outbox(other, {"audit": sink})
        assert await outbox.step() == 0, "it is another's"
        due = await outbox.next_due()
        assert due is not None
        clock.advance(due - clock.now())
        assert await outbox.step() == 1
        hanging.let_go.set()
        await dying
    assert sink.ids == [only]
    [delivery] = await deliveries(database)
    assert (delivery.state, delivery.attempts) == ("delivered", 1), "the late one counts nothing"


@pytest.mark.parametrize("fails", [True, False], ids=["failure", "success"])
async def test_what_comes_late_from_a_worker_that_was_overtaken_counts_nothing(
    database: Database, another: Callable[[], Database], clock: ManualClock, *, fails: bool
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await written(database, happened("batch_a"), happened("batch_a", "batch_success"))
    late, second = Hanging(fails=fails), Hanging()
    async with another() as other:
        overtaken = asyncio.create_task(Outbox(database, {"audit": late}).step())
        await late.entered.wait()
        clock.advance(3600)
        delivering = asyncio.create_task(Outbox(other, {"audit": second}).step())
        await second.entered.wait()
        claimed = await deliveries(database)
        late.let_go.set()
        await overtaken
        assert await deliveries(database) == claimed, "it is the second's, and in its hands"
        second.let_go.set()
        assert await delivering == 1
    first, _ = await deliveries(database)
    assert (first.state, first.attempts, first.error) == ("delivered", 1, None)


async def test_a_worker_that_is_stopped_gives_back_what_it_has_not_delivered(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribed(database, "audit")
    ids = await written(database, happened("batch_a"), happened("batch_b"))
    hanging, sink = Hanging(), Taking()
    stopped = asyncio.create_task(Outbox(database, {"audit": hanging}).step())
    await hanging.entered.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert await Outbox(database, {"audit": sink}).step() == 2
    assert sorted(sink.ids) == sorted(ids)


async def test_flush_delivers_what_is_asked_for_and_says_whether_all_went(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribed(database, "audit")
    await written(database, happened("batch_a"), happened("batch_b"))
    sink = Refusing("batch_a")
    outbox = Outbox(database, {"audit": sink})
    assert await outbox.flush(1.0, subjects=["batch_b"])
    assert sink.attempts == 0
    assert len(sink.ids) == 1
    assert not await outbox.flush(0.0, subjects=["batch_a"])
    assert sink.attempts == 1
    sink.batches.clear()
    assert await outbox.flush(60.0), "it waits for the next attempt"


async def test_nothing_goes_to_a_subscription_that_is_not_configured_any_more(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "gone")
    [only] = await written(database, happened("batch_a"))
    await subscribed(database)
    sink = Taking()
    outbox = Outbox(database, {"gone": sink})
    assert await outbox.step() == 0
    assert await outbox.next_due() is None
    await subscribed(database, "gone")
    assert await outbox.step() == 1
    assert sink.ids == [only]


async def test_a_serving_outbox_delivers_what_it_is_woken_for_and_a_slow_sink_delays_no_other(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "slow", "quick")
    arrived = asyncio.Event()

    class Ringing(Taking):
        async def deliver(self, event: object) -> None:
            await super().deliver(event)  # type: ignore[arg-type]  # every event has it
            arrived.set()

    slow, quick = Hanging(), Ringing()
    outbox = Outbox(database, {"slow": slow, "quick": quick})
    serving = asyncio.create_task(outbox.serve())
    for hook in ("batch_created", "batch_status_changed", "batch_success"):
        await written(database, happened("batch_a", hook))
        outbox.wake()
        async with asyncio.timeout(10):
            await arrived.wait()
        arrived.clear()
    assert [event.hook for event in quick.events][-1] == "batch_success"
    assert slow.events == []
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert await Outbox(database, {"slow": quick}).flush()
