"""The lines of a batch, as a sink that wants them is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest

from batchyard.events import line_to_json
from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard.ledger import Ledger
from batchyard.ledger.outbox import Chosen, Outbox, Subscription, Terms, replay, sampled, subscribe
from batchyard.ledger.telling import Lines
from batchyard.ledger.telling import _reading as reading
from batchyard.models import Batch, BatchEvent, Event, LineRecord
from batchyard.registry import Sink
from batchyard.testing import ManualClock
from tests.ledger.life.place import Place, created, settled

pytestmark = pytest.mark.anyio

CANARY = "CANARY-the-prompt"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    made = Place(f"sqlite:///{folder / 'ledger.db'}", folder, ManualClock())
    made.emulate()
    yield made
    made.close()


@pytest.fixture(scope="module")
def ended(place: Place) -> Batch:
    """A batch of twelve lines that is settled; of these a gate has refused every third."""

    async def main() -> Batch:
        async with place.open(place.setup(gates=[("refusing", Refusing())])) as ledger:
            return await settled(ledger, (await created(ledger, requests(12))).id)

    return asyncio.run(main())


class Keeping:
    """Takes lines and events."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, int, int]] = []
        self.lines: list[LineRecord] = []
        self.events: list[Event] = []

    @hookimpl
    async def deliver(self, event: Event) -> None:
        self.events.append(event)

    @hookimpl
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        self.parts.append((event.id, lines[0].number, len(lines)))
        self.lines += lines


class Refusing:
    """Refuses every third line."""

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> Sequence[Verdict]:
        refused = Verdict.refuse("not_here", "No.")
        return [refused if one.line % 3 == 0 else Verdict.keep() for one in lines]


def requests(count: int) -> bytes:
    lines = [
        {
            "custom_id": f"r-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": f"{CANARY} {number}"}],
            },
        }
        for number in range(1, count + 1)
    ]
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


async def given(ledger: Ledger, batch: Batch, terms: Terms) -> Keeping:
    """What a sink is told that is new, of a batch that has ended."""
    keeping, parts = Keeping(), ledger.parts
    await subscribe(parts.db, [Subscription("new", "keeping")])
    await replay(parts.db, Chosen(batch=batch.id, subscription="new"))
    outbox = Outbox(
        parts.db,
        {"new": Sink("keeping", keeping)},
        terms={"new": terms},
        reader=Lines(parts.db, parts.store, parts.accounts),
    )
    assert await outbox.flush(3600.0)
    return keeping


async def test_every_line_is_told_with_its_outcome_its_tokens_and_its_cost(
    place: Place, ended: Batch
) -> None:
    async with place.open() as ledger:
        found = await given(ledger, ended, Terms(lines=1.0))
        receipt = await ledger.receipt(ended.id)
    assert [one.number for one in found.lines] == list(range(1, 13))
    assert [one.custom_id for one in found.lines] == [f"r-{one}" for one in range(1, 13)]
    assert [one.outcome for one in found.lines] == ["ok", "ok", "refused"] * 4
    ok = [one for one in found.lines if one.outcome == "ok"]
    assert all(one.status == 200 and one.model and one.usage and one.cost for one in ok)
    assert sum(one.usage.total_tokens for one in ok if one.usage) == receipt.usage.total_tokens
    assert receipt.cost is not None
    costs = sum((one.cost or Decimal(0) for one in ok), Decimal(0))
    assert abs(costs - receipt.cost) < Decimal("0.00000001")
    refused = found.lines[2]
    assert (refused.error, refused.usage, refused.cost) == ("not_here", None, None)
    assert len({one.id for one in found.lines}) == 12
    # the event itself comes last, and of the others there are no lines
    assert found.events[-1].hook == "batch_success"
    assert len(found.parts) == 1


async def test_no_prompt_and_no_answer_leaves_unless_that_is_asked(
    place: Place, ended: Batch
) -> None:
    async with place.open() as ledger:
        without = await given(ledger, ended, Terms(lines=1.0))
        whole = await given(ledger, ended, Terms(lines=1.0, bodies=True))
    text = json.dumps([line_to_json(one) for one in without.lines])
    assert CANARY not in text
    assert "choices" not in text
    prompts = [one.request["messages"][0]["content"] for one in whole.lines]
    assert prompts == [f"{CANARY} {one}" for one in range(1, 13)]
    assert all(one.response["choices"] for one in whole.lines if one.outcome == "ok")
    assert [one.id for one in whole.lines] == [one.id for one in without.lines]


async def test_what_failed_is_told_by_its_code_where_errors_are_redacted(
    place: Place, ended: Batch
) -> None:
    async with place.open() as ledger:
        whole = await given(ledger, ended, Terms(lines=1.0, bodies=True))
        hidden = await given(ledger, ended, Terms(lines=1.0, bodies=True, redact=("errors",)))
    assert (whole.lines[2].error, whole.lines[2].message) == ("not_here", "No.")
    refused = hidden.lines[2]
    assert (refused.error, refused.message, refused.response) == ("not_here", None, None)
    assert CANARY in json.dumps(refused.request)
    assert hidden.lines[0].response == whole.lines[0].response


async def test_a_sample_is_of_the_custom_id_and_a_hidden_one_is_told_as_its_hash(
    place: Place, ended: Batch
) -> None:
    async with place.open() as ledger:
        half = await given(ledger, ended, Terms(lines=0.5, redact=("custom_id",)))
        again = await given(ledger, ended, Terms(lines=0.5))
        none = await given(ledger, ended, Terms())
    wanted = [f"r-{one}" for one in range(1, 13) if sampled(f"r-{one}", 0.5)]
    assert 0 < len(wanted) < 12
    assert [one.custom_id for one in again.lines] == wanted
    assert [one.id for one in half.lines] == [one.id for one in again.lines]
    assert all(one.custom_id.startswith("sha256:") for one in half.lines)
    assert none.lines == []
    assert none.events == again.events


async def test_lines_come_some_at_a_time_in_parts_that_are_the_same_each_time(
    place: Place, ended: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST", 5)
    async with place.open() as ledger:
        first = await given(ledger, ended, Terms(lines=1.0))
        second = await given(ledger, ended, Terms(lines=1.0, bodies=True))
        late = Lines(ledger.parts.db, ledger.parts.store, ledger.parts.accounts)
        event = first.events[-1]
        assert isinstance(event, BatchEvent)
        rest = [one async for one in late.parts(event, Terms(lines=1.0, bodies=True), 10)]
    assert [(number, count) for _, number, count in first.parts] == [(1, 5), (6, 5), (11, 2)]
    assert second.parts == first.parts
    assert second.lines[-1].request["messages"][0]["content"].endswith(" 12")
    assert [one.last for one in rest] == [12]
    assert rest[0].lines == tuple(second.lines[10:])


async def test_where_the_files_are_gone_the_event_comes_without_lines(
    place: Place, ended: Batch
) -> None:
    async with place.open() as ledger:
        # last of all: this takes the files away
        ledger.parts.store.delete_all(ended.output_file_id or "")
        found = await given(ledger, ended, Terms(lines=1.0))
    assert found.lines == []
    assert found.events[-1].hook == "batch_success"
