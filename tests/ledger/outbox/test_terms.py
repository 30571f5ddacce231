"""What a subscription is given: at which pace, of which lines, without what, and whether at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from batchyard.errors import InputError, PluginFailedError
from batchyard.events import redacted, to_json
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import (
    Chosen,
    LinePart,
    Outbox,
    Subscription,
    Terms,
    backlog,
    pause,
    replay,
    resume,
    sampled,
    subscribe,
)
from batchyard.models import (
    Batch,
    BatchError,
    BatchErrors,
    BatchEvent,
    FileEvent,
    FileObject,
    Identity,
    LineRecord,
)
from batchyard.testing import ManualClock
from tests.ledger.life.place import SQLITE
from tests.ledger.outbox.parts import Refusing, Taking, batch_rows, happened, subscribed, written

pytestmark = pytest.mark.anyio


def line(number: int) -> LineRecord:
    return LineRecord(
        id=f"line_{number}",
        batch_id="batch_a",
        number=number,
        custom_id=f"r-{number}",
        outcome="ok",
        endpoint="/v1/responses",
    )


class Numbers:
    """Reads a batch of *count* lines, three at a time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[int] = []

    async def parts(
        self, event: BatchEvent, terms: Terms, after: int
    ) -> AsyncGenerator[LinePart, None]:
        assert terms.lines == 1.0
        self.asked.append(after)
        assert event.batch.metadata == {"team": "docs"}, "what the sink is not told, we know"
        for first in range(after + 1, self.count + 1, 3):
            last = min(first + 2, self.count)
            yield LinePart(tuple(line(one) for one in range(first, last + 1)), last)


class TakingLines(Taking):
    """Takes lines too, and fails once it has been given so many parts, as often as it is said."""

    def __init__(self, *, well: int = 1000, fails: int = 0) -> None:
        super().__init__()
        self.well = well
        self.fails = fails
        self.lines: list[int] = []
        self.order: list[str] = []

    async def deliver(self, event: Any) -> None:
        self.order.append(event.hook)
        await super().deliver(event)

    async def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        if self.well == 0 and self.fails:
            self.fails -= 1
            self.well = 1
            raise PluginFailedError("sink lines: deliver_lines failed: OSError: no route")
        self.well -= 1
        assert event.batch.metadata is None, "it is not to be told"
        self.order.append("lines")
        self.lines += [one.number for one in lines]


def success() -> BatchEvent:
    return BatchEvent(
        hook="batch_success",
        at=1.5,
        provider="acme",
        account="acme-eu",
        batch=Batch(id="batch_a", metadata={"team": "docs"}),
    )


TERMS = Terms(lines=1.0, redact=("metadata",))


@SQLITE
async def test_lines_come_before_their_event_and_each_of_them_once(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await written(database, success())
    sink = TakingLines()
    outbox = Outbox(database, {"audit": sink}, terms={"audit": TERMS}, reader=Numbers(7))
    assert await outbox.flush()
    assert sink.order == ["lines", "lines", "lines", "batch_success"]
    assert sink.lines == [1, 2, 3, 4, 5, 6, 7]


@SQLITE
async def test_lines_that_cannot_be_read_are_a_failure_of_their_event_and_of_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Numbers):
        def parts(self, *_: Any) -> AsyncGenerator[LinePart, None]:
            raise ZeroDivisionError("a prompt")

    await batch_rows(database, "batch_a")
    await subscribed(database, "audit", "other")
    event = success()
    await written(database, event)
    lined, other = TakingLines(), Taking()
    sinks = {"audit": lined, "other": other}
    outbox = Outbox(database, sinks, terms={"audit": TERMS}, reader=Broken(1))
    assert await outbox.step() == 1
    assert (lined.order, other.ids) == ([], [event.id])
    [audit, _] = await backlog(database)
    assert (audit.failing, audit.error) == (1, "it could not be told: ZeroDivisionError")
    assert "an event of batch_a: it could not be told: ZeroDivisionError" in caplog.text
    assert "a prompt" not in caplog.text


@SQLITE
async def test_after_a_failure_lines_go_on_behind_what_was_acknowledged_and_are_not_given_up(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await written(database, success())
    sink, reader = TakingLines(well=1, fails=9), Numbers(30)
    options: dict[str, Any] = {"terms": {"audit": TERMS}, "reader": reader, "attempts": 3}
    # as many workers as attempts: how far it came is the ledger's
    for _ in range(9):
        outbox = Outbox(database, {"audit": sink}, **options)
        assert await outbox.step() == 0
        await replayed_soon(database)
    # once it fails without taking any: the failures before it do not count any more
    sink.well, sink.fails = 0, 1
    assert await Outbox(database, {"audit": sink}, **options).step() == 0
    await replayed_soon(database)
    assert await Outbox(database, {"audit": sink}, **options).step() == 1
    assert sink.lines == list(range(1, 31))
    assert reader.asked == [*range(0, 30, 3), 27]
    assert len(sink.events) == 1


async def replayed_soon(database: Database) -> None:
    """Let the pause until the next attempt be over."""
    clock = database.clock
    assert isinstance(clock, ManualClock)
    clock.advance(7 * 3600)


@SQLITE
async def test_a_replay_brings_all_lines_again(database: Database) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "audit")
    await written(database, success())
    sink = TakingLines()
    outbox = Outbox(database, {"audit": sink}, terms={"audit": TERMS}, reader=Numbers(4))
    await outbox.flush()
    assert await replay(database, Chosen(batch="batch_a")) == 1
    await outbox.flush()
    assert sink.lines == [1, 2, 3, 4] * 2
    assert sink.ids[0] == sink.ids[1]


@SQLITE
async def test_a_rate_is_kept_and_delays_no_other(database: Database, clock: ManualClock) -> None:
    names = [f"batch_{number}" for number in range(7)]
    await batch_rows(database, *names)
    await subscribed(database, "slow", "quick")
    await written(database, *map(happened, names))
    slow, quick = Taking(), Taking()
    outbox = Outbox(database, {"slow": slow, "quick": quick}, terms={"slow": Terms(rate=2.0)})
    assert await outbox.step() == 9
    assert (len(slow.events), len(quick.events)) == (2, 7)
    assert await outbox.step() == 0
    due = await outbox.next_due()
    assert due is not None
    assert due - clock.now() == pytest.approx(0.5)
    began = clock.now()
    assert await outbox.flush(60.0)
    assert clock.now() - began == pytest.approx(2.5, abs=0.1)
    assert len(slow.events) == 7


async def test_a_paused_subscription_keeps_its_events_for_later_and_no_other_notices(
    database: Database,
) -> None:
    await batch_rows(database, "batch_a")
    await subscribed(database, "held", "other")
    held, other = Taking(), Taking()
    assert await pause(database, "held")
    assert not await pause(database, "held"), "it was already"
    ids = await written(database, happened("batch_a"), happened("batch_a", "batch_success"))
    # a worker that starts again, and subscribes, does not forget it
    await subscribed(database, "held", "other")
    outbox = Outbox(database, {"held": held, "other": other})
    assert await outbox.flush()
    assert (held.ids, other.ids) == ([], ids)
    [found, _] = await backlog(database)
    assert (found.name, found.pending, found.paused_at) == ("held", 2, database.clock.now())
    assert await resume(database, "held")
    assert not await resume(database, "held")
    assert await outbox.flush()
    assert held.ids == ids


async def test_one_that_nobody_knows_cannot_be_paused(database: Database) -> None:
    await subscribed(database, "audit")
    with pytest.raises(InputError, match="no subscription 'audits'; it knows: audit"):
        await pause(database, "audits")


async def test_the_backlog_says_what_waits_since_when_and_why(database: Database) -> None:
    await batch_rows(database, "batch_a", "batch_b")
    await subscribe(database, [Subscription("audit", "jsonl"), Subscription("idle", "jsonl")])
    await written(database, happened("batch_a"))
    refusing = Refusing("batch_a")
    for attempts in (1, 12):
        await Outbox(database, {"audit": refusing}, attempts=attempts).step()
        await written(database, happened("batch_a"), happened("batch_b"))
    await subscribed(database, "audit")
    audit, idle = await backlog(database)
    assert (audit.pending, audit.failing, audit.dead) == (3, 1, 1)
    assert (audit.oldest, audit.active) == (1.5, True)
    assert audit.error == "sink refusing: deliver failed: OSError: no route"
    assert (idle.pending, idle.dead, idle.oldest, idle.active) == (5, 0, 1.5, False)


def test_a_sample_is_the_share_it_says_and_the_same_each_time() -> None:
    ids = [f"request-{number}" for number in range(5000)]
    tenth = {one for one in ids if sampled(one, 0.1)}
    assert 400 < len(tenth) < 600
    assert tenth == {one for one in ids if sampled(one, 0.1)}
    assert tenth < {one for one in ids if sampled(one, 0.3)}
    assert all(sampled(one, 1.0) for one in ids)
    assert not any(sampled(one, 0.0) for one in ids)


def test_what_is_redacted_is_not_in_the_event() -> None:
    errors = BatchErrors(data=[BatchError(code="invalid", message="CANARY", line=3)])
    batch = Batch(id="batch_a", metadata={"note": "CANARY"}, errors=errors)
    event = BatchEvent(
        hook="batch_failed",
        at=1.0,
        provider="acme",
        account="acme-eu",
        batch=batch,
        identity=Identity("CANARY", "CANARY", ("CANARY",)),
        reason="CANARY",
    )
    file = FileObject(id="file-a", filename="CANARY.jsonl")
    uploaded = FileEvent(
        hook="file_created",
        at=1.0,
        provider="acme",
        account="acme-eu",
        file=file,
        identity=Identity("CANARY"),
    )
    hidden = ("errors", "filename", "identity", "metadata")
    for one in (event, uploaded):
        assert "CANARY" in str(to_json(one))
        told = redacted(one, hidden)
        assert told.id == one.id
        assert "CANARY" not in str(to_json(told))
    assert redacted(event, ()) is event
