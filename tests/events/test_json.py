"""The JSON form of events: exact, stable, and without what is nobody's business."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.errors import InputError
from batchyard.events import from_json, to_json
from batchyard.models import (
    Batch,
    BatchEvent,
    CostItem,
    FileEvent,
    FileObject,
    Identity,
    Proof,
    Rates,
    Receipt,
    RequestEvent,
    Totals,
    Usage,
)

USAGE = Usage(120, 30, cached_tokens=20, reasoning_tokens=5)
IDENTITY = Identity("mia", "search", ("nightly", "eu"))
RATES = Rates(
    Decimal("0.075"),
    Decimal("0.30"),
    cached_input=Decimal("1E-9"),
    source="book",
    version="2026-01",
    long_context_above=200_000,
    long_context=Rates(Decimal(1), Decimal(2)),
)
RECEIPT = Receipt(
    batch_id="batch_a",
    number=0,
    kind="settlement",
    at=7.25,
    state="priced",
    items=(
        CostItem(
            "house-model",
            "acme",
            "acme-eu",
            "batch",
            "standard",
            3,
            USAGE,
            0,
            RATES,
            Decimal("1E-9"),
        ),
        CostItem(None, "acme", "acme-eu", "batch", "standard", 1, Usage(), 1, reason="no usage"),
    ),
    proof=Proof(5, {"ok": 3, "error": 1, "refused": 1}),
    cost=None,
    priced_cost=Decimal("0.000000001"),
    identity=IDENTITY,
)


def success(**more: Any) -> BatchEvent:
    batch = Batch(
        id="batch_a",
        status="completed",
        metadata={"campaign": "späť 🙂"},
        provider_state={"secret": "where the bucket is"},
    )
    given: dict[str, Any] = {
        "hook": "batch_success",
        "at": 7.5,
        "provider": "acme",
        "account": "acme-eu",
        "id": "evt_1",
        "batch": batch,
        "previous_status": "finalizing",
        "totals": Totals(USAGE, 4, Decimal("12.340000001")),
        "identity": IDENTITY,
        "receipt": RECEIPT,
        "reason": "all lines are there",
    }
    return BatchEvent(**{**given, **more})


def through_json(event: BatchEvent | FileEvent) -> BatchEvent | FileEvent:
    return from_json(json.loads(json.dumps(to_json(event))))


def test_a_batch_event_comes_back_as_it_was_but_for_what_the_provider_keeps() -> None:
    event = success()
    back = through_json(event)
    assert isinstance(back, BatchEvent)
    assert back.batch.provider_state is None
    assert back == success(batch=event.batch.model_copy(update={"provider_state": None}))
    assert "bucket" not in json.dumps(to_json(event))


def test_an_event_with_little_in_it_comes_back_too() -> None:
    bare = BatchEvent(
        hook="batch_created", at=1.0, provider="acme", account="acme", batch=Batch(id="batch_a")
    )
    assert through_json(bare) == bare
    file = FileObject(id="file-a", bytes=12, filename="in.jsonl", purpose="batch")
    event = FileEvent(hook="file_created", at=1.0, provider="", account="", file=file)
    assert through_json(event) == event


def test_the_record_is_laid_out_as_promised() -> None:
    record = to_json(success())
    head = {name: record[name] for name in ("version", "id", "type", "hook", "at")}
    assert head == {
        "version": 1,
        "id": "evt_1",
        "type": "batch_success",
        "hook": "batch_success",
        "at": 7.5,
    }
    assert record["totals"]["total_tokens"] == 150
    assert record["totals"]["response_cost"] == "12.340000001"
    identity = {"owner": "mia", "team": "search", "tags": ["nightly", "eu"], "key": None}
    assert record["identity"] == identity
    assert record["receipt"]["items"][0]["cost"] == "0.000000001"
    assert record["receipt"]["items"][0]["rates"]["cached_input"] == "0.000000001"
    assert record["receipt"]["proof"]["complete"] is True
    assert to_json(success(hook="batch_created"))["type"] == "acreate_batch"


@given(
    st.decimals(min_value=0, max_value=10**9, places=9),
    st.integers(0, 10**15),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_money_tokens_and_names_are_exact(cost: Decimal, tokens: int, owner: str) -> None:
    totals = Totals(Usage(tokens, tokens), 1, cost)
    event = success(totals=totals, identity=Identity(owner), batch=Batch(id="batch_a"))
    assert through_json(event) == event


def test_fields_that_are_not_known_are_passed_over() -> None:
    record = to_json(success())
    record["later"] = 1
    record["receipt"]["later"] = [1]
    record["totals"]["usage"]["smell_tokens"] = 3
    assert isinstance(from_json(record), BatchEvent)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"version": None},
        {"batch": {"no": "id"}},
        {"batch": None},
        {"receipt": {"batch_id": 3}},
        {"totals": "many"},
    ],
)
def test_what_is_no_event_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        from_json({**to_json(success()), **changed})
    without = to_json(success())
    del without["batch"]
    with pytest.raises(InputError):
        from_json(without)


def test_a_request_is_heard_and_not_kept() -> None:
    sent = RequestEvent(
        hook="request_sent",
        at=0.0,
        provider="acme",
        account="acme",
        method="GET",
        url="https://acme.test",
        status=200,
        seconds=0.1,
    )
    with pytest.raises(InputError, match="request_sent has no JSON form"):
        to_json(sent)
