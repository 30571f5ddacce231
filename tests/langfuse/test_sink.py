from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from batchyard.models import BatchEvent, LineRecord, Usage
from batchyard_langfuse import LangfuseSettings, LangfuseSink
from batchyard_otel.exporting import NotTakenError
from tests.langfuse import theirs
from tests.otel.receiver import Receiver, plain
from tests.otel.told import (
    CANARY,
    CREATED,
    DONE,
    ENDED,
    FAILED,
    ITEM,
    RECEIPT,
    SECRET,
    TOLD,
    UPLOADED,
    USAGE,
    event,
)

NANOS = 1_000_000_000

LINE = LineRecord(
    id="line_1",
    batch_id="batch_7",
    number=1,
    custom_id="row-1",
    outcome="ok",
    endpoint="/v1/chat/completions",
    status=200,
    model="gpt-5-mini",
    usage=USAGE,
    cost=Decimal("0.0023125"),
    created_at=DONE - 100,
    request_id="req_1",
)

BODIES = replace(LINE, request={"messages": []}, response={"choices": []})


def sink(receiver: Receiver, **settings: Any) -> LangfuseSink:
    key = SecretStr(SECRET)
    known = {"public_key": "pk-lf-1", "secret_key": key, "host": receiver.url, **settings}
    return LangfuseSink(LangfuseSettings(**known))


def found(receiver: Receiver) -> dict[str, dict[str, Any]]:
    """Attributes by the name of the observation."""
    return {span.name: plain(span.attributes) for span in receiver.spans}


@pytest.fixture(scope="module")
def their_request() -> Any:
    return theirs.captured()


def test_a_generations_attributes_are_spelled_as_langfuses_sdk_spells_them(
    receiver: Receiver, their_request: Any
) -> None:
    _, sdk = their_request
    failed = replace(BODIES, outcome="error", error="server_error")
    sink(receiver, totals="lines", environment="production").deliver_lines(ENDED, [failed])
    ours = found(receiver)["row-1"]
    own = {
        name for name in sdk if not name.startswith(("langfuse.internal", "langfuse.trace.meta"))
    }
    assert {one for one in own if ".metadata" not in one} == {
        one for one in ours if ".metadata" not in one
    }
    for name in own & set(ours):
        if ".metadata" not in name:
            assert type(ours[name]) is type(sdk[name]), name
    for name in ("input", "output", "type", "level", "status_message", "cost_details"):
        assert ours[f"langfuse.observation.{name}"] == sdk[f"langfuse.observation.{name}"]
    for name in ("langfuse.environment", "user.id", "langfuse.trace.tags", "langfuse.trace.name"):
        assert ours[name] == sdk[name]
    theirs_counted = json.loads(sdk["langfuse.observation.usage_details"])
    ours_counted = json.loads(ours["langfuse.observation.usage_details"])
    assert {name: ours_counted[name] for name in theirs_counted} == theirs.USAGE


def test_it_is_sent_where_and_as_the_sdk_sends_it(receiver: Receiver, their_request: Any) -> None:
    request, _ = their_request
    sink(receiver).deliver(ENDED)
    (ours,) = receiver.received
    assert ours.path == request.path == "/api/public/otel/v1/traces"
    for name in ("content-type", "content-encoding", "x-langfuse-public-key"):
        assert ours.headers[name] == request.headers.get(name, "gzip")
    assert ours.headers["x-langfuse-ingestion-version"] == "4"
    kind, _, pair = ours.headers["authorization"].partition(" ")
    assert (kind, b64decode(pair).decode()) == ("Basic", f"pk-lf-1:{SECRET}")
    assert request.headers["authorization"].startswith("Basic ")


def test_ids_are_those_that_the_sdk_makes_of_the_same_seeds(receiver: Receiver) -> None:
    one = sink(receiver)
    one.deliver_lines(ENDED, [LINE])
    one.deliver(ENDED)
    by_name = {span.name: span for span in receiver.spans}
    trace, root = theirs.ids("batch_7")
    assert {span.trace_id.hex() for span in receiver.spans} == {trace}
    assert by_name["batch"].span_id.hex() == root
    assert by_name["row-1"].span_id.hex() == theirs.ids("line_1")[1]
    assert {span.parent_span_id.hex() for span in receiver.spans} == {"", root}


def test_what_is_delivered_twice_has_the_same_ids(receiver: Receiver) -> None:
    for _ in range(2):
        one = sink(receiver)
        one.deliver_lines(ENDED, [LINE, replace(LINE, id="line_2", custom_id="row-2")])
        one.deliver(ENDED)
    ids = [span.span_id for span in receiver.spans]
    assert len(ids) == 2 * len(set(ids)) == 8


def test_the_batchs_totals_are_counted_once_by_model(receiver: Receiver) -> None:
    other = replace(ITEM, model="gpt-5", cost=Decimal(1))
    one = sink(receiver)
    one.deliver_lines(ENDED, [LINE])
    one.deliver(replace(ENDED, receipt=replace(RECEIPT, items=(ITEM, other))))
    told = found(receiver)
    costs = [
        json.loads(attributes["langfuse.observation.cost_details"])["total"]
        for attributes in told.values()
        if "langfuse.observation.cost_details" in attributes
    ]
    assert costs == [0.0023125, 1.0]
    assert told["batch"]["langfuse.observation.type"] == "span"
    assert told["settlement gpt-5"]["langfuse.observation.model.name"] == "gpt-5"
    # a line has its figures as metadata, which Langfuse does not add up
    assert told["row-1"]["langfuse.observation.metadata.cost"] == "0.0023125"
    assert "langfuse.observation.usage_details" not in told["row-1"]
    assert "langfuse.observation.model.name" not in told["row-1"]


def test_or_the_lines_are_counted_and_the_batch_is_not(receiver: Receiver) -> None:
    one = sink(receiver, totals="lines")
    one.deliver_lines(ENDED, [LINE])
    one.deliver(ENDED)
    told = found(receiver)
    assert set(told) == {"row-1", "batch"}
    assert "langfuse.observation.cost_details" not in told["batch"]
    assert json.loads(told["row-1"]["langfuse.observation.cost_details"]) == {"total": 0.0023125}


def test_kinds_of_tokens_do_not_overlap_since_langfuse_adds_them_up(receiver: Receiver) -> None:
    sink(receiver).deliver(ENDED)
    usage = json.loads(
        found(receiver)["settlement gpt-5-mini"]["langfuse.observation.usage_details"]
    )
    total = usage.pop("total")
    assert sum(usage.values()) == total == USAGE.total_tokens
    assert usage["input_cached_tokens"] == 100


@pytest.mark.parametrize("totals", ["batch", "lines"])
def test_langfuse_is_given_nothing_to_price_by_itself(receiver: Receiver, totals: str) -> None:
    """A model beside usage without cost would be priced at the rate of single requests."""
    item = replace(ITEM, cost=None, rates=None, reason="no price")
    one = sink(receiver, totals=totals)
    one.deliver_lines(ENDED, [replace(LINE, cost=None)])
    one.deliver(replace(ENDED, receipt=replace(RECEIPT, items=(item,), cost=None)))
    for attributes in found(receiver).values():
        assert "langfuse.observation.model.name" not in attributes
        assert "langfuse.observation.cost_details" not in attributes
    assert "gpt-5-mini" in str(found(receiver))


def test_a_repricing_adds_the_difference_and_no_token(receiver: Receiver) -> None:
    item = replace(ITEM, cost=Decimal("-0.001"))
    receipt = replace(RECEIPT, kind="repricing", number=1, items=(item,))
    one = sink(receiver)
    one.deliver(ENDED)
    one.deliver(event("batch_repriced", receipt=receipt))
    settled, repriced = (span for span in receiver.spans if span.name != "batch")
    assert settled.span_id != repriced.span_id
    attributes = plain(repriced.attributes)
    assert json.loads(attributes["langfuse.observation.cost_details"]) == {"total": -0.001}
    assert "langfuse.observation.usage_details" not in attributes


def test_times_are_those_of_the_batch_and_its_answers(receiver: Receiver) -> None:
    one = sink(receiver)
    one.deliver_lines(ENDED, [LINE, replace(LINE, id="line_2", custom_id="row-2", created_at=None)])
    one.deliver(ENDED)
    times = {
        span.name: (span.start_time_unix_nano // NANOS, span.end_time_unix_nano // NANOS)
        for span in receiver.spans
    }
    assert times["batch"] == (CREATED, DONE)
    assert times["row-1"] == (CREATED, DONE - 100)
    assert times["row-2"] == (CREATED, DONE)


@pytest.mark.parametrize(
    ("created_at", "end"), [(100_000_000_000, TOLD), (-5, CREATED), (DONE + 1, DONE + 1)]
)
def test_a_time_that_cannot_be_costs_no_other_line(
    receiver: Receiver, created_at: int, end: float
) -> None:
    odd = replace(LINE, id="line_2", custom_id="row-2", created_at=created_at)
    sink(receiver).deliver_lines(ENDED, [LINE, odd])
    times = {span.name: span.end_time_unix_nano / NANOS for span in receiver.spans}
    assert times == {"row-1": DONE - 100, "row-2": end}


def test_a_line_without_usage_is_told_without_and_not_with_0(receiver: Receiver) -> None:
    one = sink(receiver, totals="lines")
    one.deliver_lines(ENDED, [replace(LINE, usage=Usage(known=False), cost=None)])
    assert "langfuse.observation.usage_details" not in found(receiver)["row-1"]


@pytest.mark.parametrize("told", [ENDED, FAILED, UPLOADED, event("batch_stalled", reason=CANARY)])
def test_no_text_that_somebody_wrote_and_no_key_is_sent(
    receiver: Receiver, told: BatchEvent, caplog: pytest.LogCaptureFixture
) -> None:
    one = sink(receiver)
    one.deliver(told)
    one.deliver_lines(ENDED, [LINE])
    receiver.statuses = [401]
    with pytest.raises(NotTakenError, match="401") as refused:
        one.deliver_lines(ENDED, [LINE])
    assert CANARY.encode() not in receiver.raw
    for text in (
        repr(one._settings),
        str(refused.value),
        caplog.text,
        receiver.raw.decode("latin-1"),
    ):
        assert SECRET not in text


def test_a_failed_batch_says_so_by_its_code(receiver: Receiver) -> None:
    sink(receiver).deliver(FAILED)
    attributes = found(receiver)["batch"]
    assert attributes["langfuse.observation.level"] == "ERROR"
    assert attributes["langfuse.observation.status_message"] == "invalid_json_line"


def test_metadata_is_sent_where_it_is_asked_for(receiver: Receiver) -> None:
    sink(receiver, capture_metadata=True).deliver(ENDED)
    assert found(receiver)["batch"]["langfuse.observation.metadata.note"] == CANARY


def test_metadata_takes_the_place_of_nothing_that_is_ours(receiver: Receiver) -> None:
    batch = ENDED.batch.model_copy(update={"metadata": {"cost": "0", "batch_id": "x"}})
    sink(receiver, capture_metadata=True).deliver(replace(ENDED, batch=batch))
    attributes = found(receiver)["batch"]
    assert attributes["langfuse.observation.metadata.batch_id"] == "batch_7"
    assert attributes["langfuse.observation.metadata.cost"] == "0.002312500"


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "langfuse"},
        {"host": f"https://a:{SECRET}@c"},
        {"totals": "both"},
        {"environment": "LANGFUSE"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LangfuseSettings(public_key="pk", secret_key=SecretStr("sk"), **settings)
