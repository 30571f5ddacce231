"""Values that no honest service sends: they must not stop anything, on any database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from batchyard.emulators import Fault, Replace, Status
from batchyard.models import Batch
from tests.ledger.life.place import (
    Place,
    content,
    created,
    follow,
    made_at,
    rewritten,
    settled,
)

pytestmark = pytest.mark.anyio

HUGE = 10**30


def in_body(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row["response"]["body"].update(values)


CHANGES = {
    "a NUL": in_body(model="gpt\x00-4.1-mini"),
    "a long name": in_body(model="m" * 100_000),
    "half a character": in_body(model="\ud800"),
    "after the end of time": in_body(created=HUGE),
    "before its beginning": in_body(created=-HUGE),
    "far in the future": in_body(created=2**62),
    "more tokens than there are": in_body(usage={"prompt_tokens": HUGE, "completion_tokens": 1}),
    "tokens that overflow a sum": in_body(
        usage={"prompt_tokens": 2**62, "completion_tokens": 2**62}
    ),
    "less than no tokens": in_body(usage={"prompt_tokens": -5, "completion_tokens": 1}),
    "tokens in words": in_body(usage={"prompt_tokens": "many"}),
    "usage of no shape": in_body(usage=[]),
    "a status of no kind": lambda row: row.update(response={"status_code": HUGE, "body": {}}),
    "one id for all": lambda row: row.update(custom_id="r-0"),
    "an id of nothing": lambda row: row.update(custom_id="\x00"),
}


async def test_no_result_keeps_a_batch_from_its_settlement(place: Place) -> None:
    emulator = place.emulate()
    async with place.open(grace=60.0) as ledger:
        odd: dict[str, Batch] = {}
        for name, change in CHANGES.items():
            odd[name] = await created(ledger)
            await ledger.tracker.step()
            rewritten(emulator, change)
        other = await created(ledger)
        await follow(ledger)
        for name, batch in odd.items():
            done = await ledger.retrieve_batch(batch.id)
            assert done.status == "completed", name
            receipt = await ledger.receipt(batch.id)
            assert sum(receipt.proof.outcomes.values()) == receipt.proof.lines == 3, name
            for file_id in (done.output_file_id, done.error_file_id):
                if file_id is not None:
                    assert await content(ledger, file_id), name
        assert (await ledger.receipt(other.id)).proof.complete


@pytest.mark.parametrize(
    "values",
    [
        {"status": "in\x00\ud83dprogress"},
        {"status": "s" * 100_000},
        {"request_counts": {"total": HUGE, "completed": -1, "failed": 2**70}},
        {"expires_at": HUGE},
        {"created_at": -HUGE},
        {"in_progress_at": 1e308},
        {"errors": {"data": [{"code": "\x00", "message": "m\x00", "line": HUGE}]}},
        {"metadata": {"\x00": "\x00"}},
        {"model": "\x00"},
        {"output_file_id": "file\x00"},
    ],
    ids=lambda values: next(iter(values)),
)
async def test_no_batch_object_stops_the_watch(place: Place, values: dict[str, Any]) -> None:
    emulator = place.emulate(time_scale=0.1)
    async with place.open() as ledger:
        batch, other = await created(ledger), await created(ledger)
        await ledger.tracker.step()
        made = made_at(emulator)[0]
        shown = {**made.document(place.clock.now(), None, None), **values}
        fault = Fault("GET", f"/v1/batches/{made.id}", Replace(json.dumps(shown).encode()), times=2)
        armed = emulator.faults.add(fault)
        for one in (batch, other):
            done = await settled(ledger, one.id)
            assert done.status == "completed"
            assert (await ledger.receipt(one.id)).proof.complete
        assert armed.fired == 2


async def test_no_refusal_is_too_strange_to_be_written_down(place: Place) -> None:
    emulator = place.emulate()
    said = {"message": "no\x00 \ud83d \u2028 " + "x" * 50_000, "type": "t"}
    body = json.dumps({"error": {**said, "code": "c\x00", "param": "\x00"}})
    emulator.faults.add(Fault("POST", "/v1/batches", Status(400, body=body), times=None))
    async with place.open() as ledger:
        batch = await created(ledger)
        done = await settled(ledger, batch.id)
        assert done.status == "failed"
        assert done.errors is not None
        assert done.errors.data[0].message
        assert len(await content(ledger, done.error_file_id)) > 0
