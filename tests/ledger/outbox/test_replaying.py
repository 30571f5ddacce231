"""Events are delivered again, and to a sink that is new, when somebody asks for it."""

from __future__ import annotations

import asyncio

import pytest

from batchyard.errors import InputError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import (
    Chosen,
    Outbox,
    Subscription,
    list_events,
    replay,
    subscribe,
)
from batchyard.ledger.outbox import _replaying as replaying
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


async def test_the_events_of_a_batch_are_delivered_again_in_their_order(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribed(database, "audit")
    hooks = ["batch_created", "batch_status_changed", "batch_success"]
    ids = list(await written(database, *(happened("batch_a", hook) for hook in hooks)))
    await written(database, happened("batch_b"))
    await Outbox(database, {"audit": Taking()}).flush()
    assert await replay(database, Chosen(batch="batch_a")) == 3
    sink = Taking()
    assert await Outbox(database, {"audit": sink}).flush()
    assert sink.ids == ids


async def test_a_new_sink_gets_the_older_events_that_it_is_for(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "old")
    [_, success] = await written(
        database, happened("batch_a"), happened("batch_a", "batch_success")
    )
    old, new = Taking(), Taking()
    outbox = Outbox(database, {"old": old, "new": new})
    await outbox.flush()
    await subscribe(
        database,
        [Subscription("old", "taking"), Subscription("new", "taking", ("batch_success",))],
    )
    assert await replay(database, Chosen(subscription="new")) == 1
    assert await outbox.flush()
    assert new.ids == [success]
    assert len(old.ids) == 2, "it is not for that one"


async def test_only_what_was_given_up_is_replayed_where_that_is_asked(
    database: Database, clock: ManualClock
) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribed(database, "audit")
    [dead, _] = await written(database, happened("batch_a"), happened("batch_b"))
    sink = Refusing("batch_a")
    outbox = Outbox(database, {"audit": sink}, attempts=2)
    assert await outbox.flush(86_400)
    assert await replay(database, Chosen(dead=True)) == 1
    sink.batches.clear()
    sink.events.clear()
    assert await outbox.flush()
    assert sink.ids == [dead]
    assert await list_events(database, Chosen(dead=True)) == []
    assert await replay(database, Chosen(dead=True)) == 0
    assert clock.slept != []


async def test_what_waits_for_its_next_attempt_is_tried_at_once_with_all_behind_it(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    first, second = await written(
        database, happened("batch_a"), happened("batch_a", "batch_success")
    )
    sink = Refusing("batch_a")
    outbox = Outbox(database, {"audit": sink})
    await outbox.step()
    sink.batches.clear()
    assert await replay(database, Chosen(event=first)) == 1
    assert await outbox.step() == 1
    assert await outbox.step() == 1
    assert sink.ids == [first, second]


async def test_what_is_being_delivered_is_left_alone(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await written(database, happened("batch_a"))
    hanging = Hanging()
    step = asyncio.create_task(Outbox(database, {"audit": hanging}).step())
    await hanging.entered.wait()
    assert await replay(database, Chosen(batch="batch_a")) == 0
    hanging.let_go.set()
    assert await step == 1


async def test_a_replay_goes_on_from_block_to_block(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "BLOCK", 3)
    names = [f"batch_{number}" for number in range(10)]
    await batch_rows(database, *names)
    await written(database, *map(happened, names))
    await subscribed(database, "audit", "other")
    assert await replay(database) == 20
    sink = Taking()
    assert await Outbox(database, {"audit": sink, "other": Taking()}).flush()
    assert len(set(sink.ids)) == 10


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Chosen(event="evt_none"), "there is no event 'evt_none'"),
        (Chosen(subscription="gone"), "no subscription 'gone' at present; there is: audit"),
    ],
)
async def test_what_does_not_exist_is_refused(
    database: Database, chosen: Chosen, said: str
) -> None:
    await subscribed(database, "gone")
    await subscribed(database, "audit")
    with pytest.raises(InputError, match=said):
        await replay(database, chosen)
