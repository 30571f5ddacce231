"""An event is written with what it tells of, and so are its deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from batchyard.errors import ConfigError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import (
    Chosen,
    Recorded,
    Subscription,
    list_events,
    record,
    record_all,
    subscribe,
)
from batchyard.models import FileEvent, FileObject
from tests.ledger.outbox.parts import batch_rows, happened, subscribed, written

pytestmark = pytest.mark.anyio


async def test_an_event_is_there_with_its_transaction_and_only_then(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")

    event = happened("batch_a")

    async def rolled_back() -> None:
        async with database.writing() as connection:
            await record(connection, database, event, subject="batch_a", owner="")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await rolled_back()
    assert await list_events(database) == []
    async with database.writing() as connection:
        await record(connection, database, event, subject="batch_a", owner="mia")
    [found] = await list_events(database)
    assert (found.seq, found.owner, found.event) == (1, "mia", event)
    [delivery] = found.deliveries
    assert (delivery.subscription, delivery.state, delivery.attempts) == ("audit", "pending", 0)


async def test_events_of_a_batch_are_numbered_one_by_one(database: Database) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    hooks = ["batch_created", "batch_status_changed", "batch_success"]
    await written(database, *(happened(name, hooks[0]) for name in ("batch_a", "batch_b")))
    await written(database, *(happened("batch_a", hook) for hook in hooks[1:]))
    found = await list_events(database, Chosen(batch="batch_a"), order="asc")
    assert [(one.seq, one.body["hook"]) for one in found] == list(enumerate(hooks, 1))
    assert [one.seq for one in await list_events(database, Chosen(batch="batch_b"))] == [1]


async def test_writers_at_the_same_time_leave_no_number_out_and_use_none_twice(
    database: Database, another: Callable[[], Database]
) -> None:
    await batch_rows(database, "batch_a")
    async with another() as other:
        await asyncio.gather(
            *(written(db, happened("batch_a")) for _ in range(10) for db in (database, other))
        )
    found = await list_events(database, order="asc")
    assert [one.seq for one in found] == list(range(1, 21))


async def test_a_file_has_events_too(database: Database) -> None:
    await subscribed(database, "audit")
    file = FileObject(id="file-a", bytes=12)
    event = FileEvent(hook="file_created", at=1.0, provider="", account="", file=file)
    async with database.writing() as connection:
        await record(connection, database, event, subject="file-a", owner="")
    [found] = await list_events(database)
    assert (found.subject, found.seq, found.event) == ("file-a", 1, event)
    assert len(found.deliveries) == 1


async def test_events_go_to_the_subscriptions_that_want_their_hook(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribe(
        database,
        [
            Subscription("all", "jsonl"),
            Subscription("ends", "jsonl", ("batch_success", "batch_failed")),
        ],
    )
    await written(database, happened("batch_a"), happened("batch_a", "batch_success"))
    found = await list_events(database, order="asc")
    names = [[one.subscription for one in event.deliveries] for event in found]
    assert names == [["all"], ["all", "ends"]]


async def test_a_new_subscription_gets_the_events_from_then_on(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "old")
    await written(database, happened("batch_a"))
    await subscribed(database, "old", "new")
    await written(database, happened("batch_a", "batch_success"))
    found = await list_events(database, order="asc")
    names = [{one.subscription for one in event.deliveries} for event in found]
    assert names == [{"old"}, {"old", "new"}]


async def test_a_subscription_that_is_gone_keeps_what_was_on_its_way(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "gone")
    await written(database, happened("batch_a"))
    await subscribed(database)
    await written(database, happened("batch_a", "batch_success"))
    found = await list_events(database, order="asc")
    states = [[one.state for one in event.deliveries] for event in found]
    assert states == [["pending"], []]


async def test_a_process_that_does_not_know_all_subscriptions_takes_none_away(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await subscribe(database, [], whole=False)
    await subscribe(database, [Subscription("mine", "taking")], whole=False)
    await written(database, happened("batch_a"))
    [found] = await list_events(database)
    assert {one.subscription for one in found.deliveries} == {"audit", "mine"}


async def test_a_hook_that_does_not_exist_is_refused_with_a_suggestion(database: Database) -> None:
    with pytest.raises(ConfigError, match="'batch_sucess'; did you mean 'batch_success'"):
        await subscribe(database, [Subscription("audit", "jsonl", ("batch_sucess",))])


async def test_nothing_to_write_is_written(database: Database) -> None:
    async with database.writing() as connection:
        await record_all(connection, database, [])
    assert await list_events(database) == []


async def test_events_are_listed_newest_first_page_by_page(database: Database) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    ids = await written(database, *(happened(f"batch_{one}") for one in "abababab"))
    first = await list_events(database, limit=3)
    rest = await list_events(database, after=first[-1].number)
    assert [one.body["id"] for one in (*first, *rest)] == list(reversed(ids))
    of_a = await list_events(database, Chosen(batch="batch_a", account="acme-eu"), order="asc")
    assert [one.body["id"] for one in of_a] == ids[::2]
    async with database.writing() as connection:
        await record_all(connection, database, [Recorded(happened("batch_a"), "batch_a", "mia")])
    assert len(await list_events(database, Chosen(owner="mia"))) == 1
    assert await list_events(database, Chosen(owner="ben")) == []
    assert await list_events(database, Chosen(account="acme-us")) == []
