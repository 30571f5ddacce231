from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from batchyard.models import BatchEvent
from batchyard.registry import Registry
from batchyard_otel import OtelSettings, OtelSink
from batchyard_otel.exporting import Exporters, NotTakenError, Target
from batchyard_otel.identity import span_id, trace_id
from tests.otel.receiver import Receiver, plain, receiving
from tests.otel.told import (
    CANARY,
    CREATED,
    DONE,
    ENDED,
    FAILED,
    ITEM,
    RECEIPT,
    SECRET,
    STARTED,
    UPLOADED,
    event,
)

NANOS = 1_000_000_000


def sink(receiver: Receiver, **settings: Any) -> OtelSink:
    return OtelSink(OtelSettings(endpoint=receiver.url, **settings))


def test_a_batch_is_one_span_from_its_creation_to_its_end(receiver: Receiver) -> None:
    sink(receiver).deliver(ENDED)
    (span,) = receiver.spans
    assert span.start_time_unix_nano == CREATED * NANOS
    assert span.end_time_unix_nano == DONE * NANOS
    assert span.name == "batch gpt-5-mini"
    assert span.trace_id == trace_id("batch_7").to_bytes(16, "big")
    assert span.span_id == span_id("batch_7").to_bytes(8, "big")
    assert span.parent_span_id == b""
    assert [(one.name, one.time_unix_nano) for one in span.events] == [
        ("gen_ai.batch.in_progress", STARTED * NANOS)
    ]


def test_a_span_says_what_was_used_by_the_conventions_and_what_it_cost(receiver: Receiver) -> None:
    sink(receiver).deliver(ENDED)
    found = plain(receiver.spans[0].attributes)
    assert found == {
        "gen_ai.operation.name": "batch",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 250,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_creation.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "gen_ai.batch.id": "batch_7",
        "gen_ai.batch.account": "main",
        "gen_ai.batch.event.id": "evt_1",
        "gen_ai.batch.event.type": "batch_success",
        "gen_ai.batch.status": "completed",
        "gen_ai.batch.endpoint": "/v1/chat/completions",
        "gen_ai.batch.completion_window": "24h",
        "gen_ai.batch.input_file.id": "file-1",
        "gen_ai.batch.requests.total": 4,
        "gen_ai.batch.requests.completed": 3,
        "gen_ai.batch.requests.failed": 1,
        "gen_ai.batch.owner": "ann",
        "gen_ai.batch.team": "docs",
        "gen_ai.batch.tags": ["nightly", "eval"],
        "gen_ai.batch.key": "key_1",
        "gen_ai.batch.receipt.kind": "settlement",
        "gen_ai.batch.receipt.number": 0,
        "gen_ai.batch.cost": 0.0023125,
        "gen_ai.batch.cost.exact": "0.002312500",
        "gen_ai.batch.cost.priced": 0.0023125,
        "gen_ai.batch.cost.state": "priced",
        "gen_ai.batch.price_version": "2026-11-01",
        "gen_ai.batch.models": ["gpt-5-mini"],
        "gen_ai.batch.lines": 4,
        "gen_ai.batch.lines.ok": 3,
        "gen_ai.batch.lines.error": 1,
    }


def test_every_attribute_is_in_the_documentation(receiver: Receiver) -> None:
    one = sink(receiver, capture_metadata=True)
    for told in (ENDED, FAILED, UPLOADED, event("batch_stalled")):
        one.deliver(told)
    names = {key for span in receiver.spans for key in plain(span.attributes)}
    names |= {key for record in receiver.records for key in plain(record.attributes)}
    names |= set(receiver.metrics)
    page = Path("docs/opentelemetry.md").read_text("utf-8")
    general = {
        "gen_ai.batch.metadata.note": "gen_ai.batch.metadata.KEY",
        "gen_ai.batch.lines.ok": "gen_ai.batch.lines.OUTCOME",
        "gen_ai.batch.lines.error": "gen_ai.batch.lines.OUTCOME",
    }
    assert {name for name in names if f"`{general.get(name, name)}`" not in page} == set()


def test_what_is_unknown_is_left_out_and_is_never_nothing(receiver: Receiver) -> None:
    item = replace(ITEM, cost=None, reason="no price", rates=None)
    receipt = replace(RECEIPT, items=(item,), state="unpriced", cost=None, priced_cost=Decimal(0))
    totals = replace(ENDED.totals, response_cost=None)  # type: ignore[type-var]  # it has some
    sink(receiver).deliver(replace(ENDED, receipt=receipt, totals=totals))
    found = plain(receiver.spans[0].attributes)
    assert "gen_ai.batch.cost" not in found
    assert found["gen_ai.batch.cost.state"] == "unpriced"
    assert "gen_ai.batch.cost" not in receiver.metrics
    (point,) = receiver.metrics["gen_ai.batch.unpriced"].sum.data_points
    assert point.as_int == 3


def test_metrics_are_deltas_by_model(receiver: Receiver) -> None:
    sink(receiver).deliver(ENDED)
    tokens = receiver.metrics["gen_ai.client.token.usage"].histogram
    assert tokens.aggregation_temporality == 1
    by_type = {
        plain(one.attributes)["gen_ai.token.type"]: (one.count, one.sum)
        for one in tokens.data_points
    }
    assert by_type == {"input": (1, 900.0), "output": (1, 250.0)}
    (cost,) = receiver.metrics["gen_ai.batch.cost"].sum.data_points
    assert cost.as_double == 0.0023125
    assert plain(cost.attributes)["gen_ai.request.model"] == "gpt-5-mini"
    (duration,) = receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert duration.sum == DONE - CREATED
    assert sum(duration.bucket_counts) == 1


def test_metrics_have_no_label_of_many_values(receiver: Receiver) -> None:
    sink(receiver).deliver(ENDED)
    message = str(receiver.of("metrics")[0])
    for value in ("batch_7", "evt_1", "ann", "file-1"):
        assert value not in message


def test_a_repricing_changes_the_cost_and_counts_no_token_twice(receiver: Receiver) -> None:
    item = replace(ITEM, cost=Decimal("-0.001"))
    receipt = replace(RECEIPT, kind="repricing", number=1, items=(item,))
    sink(receiver).deliver(event("batch_repriced", receipt=receipt))
    assert set(receiver.metrics) == {"gen_ai.batch.cost"}
    (point,) = receiver.metrics["gen_ai.batch.cost"].sum.data_points
    assert point.as_double == -0.001
    assert receiver.spans == []


def test_each_event_is_a_log_record_on_the_batchs_trace(receiver: Receiver) -> None:
    one = sink(receiver, signals=("logs",))
    for told in (UPLOADED, event("batch_created"), event("batch_stalled"), ENDED):
        one.deliver(told)
    uploaded, created, stalled, done = receiver.records
    assert created.trace_id == done.trace_id == trace_id("batch_7").to_bytes(16, "big")
    assert uploaded.trace_id == b""
    assert [one.event_name for one in (created, stalled)] == [
        "gen_ai.batch.batch_created",
        "gen_ai.batch.batch_stalled",
    ]
    assert [one.severity_text for one in receiver.records] == ["INFO", "INFO", "WARN", "INFO"]
    assert receiver.of("traces") == receiver.of("metrics") == []


def test_a_failed_batch_says_so_by_its_code(receiver: Receiver) -> None:
    sink(receiver).deliver(FAILED)
    (span,) = receiver.spans
    assert span.status.code == 2
    assert plain(span.attributes)["error.type"] == "invalid_json_line"


@pytest.mark.parametrize("told", [ENDED, FAILED, UPLOADED, event("batch_stalled", reason=CANARY)])
def test_no_text_that_somebody_wrote_and_no_key_is_sent(
    receiver: Receiver, told: BatchEvent, caplog: pytest.LogCaptureFixture
) -> None:
    settings = OtelSettings(endpoint=receiver.url, headers={"api-key": SecretStr(SECRET)})
    OtelSink(settings).deliver(told)
    receiver.statuses[:] = [400] * 3
    with pytest.raises(NotTakenError) as refused:
        OtelSink(settings).deliver(told)
    assert receiver.received[0].headers["api-key"] == SECRET
    assert CANARY.encode() not in receiver.raw
    for text in (repr(settings), str(refused.value), caplog.text, receiver.raw.decode("latin-1")):
        assert SECRET not in text


def test_metadata_is_sent_where_it_is_asked_for(receiver: Receiver) -> None:
    sink(receiver, capture_metadata=True).deliver(ENDED)
    assert plain(receiver.spans[0].attributes)["gen_ai.batch.metadata.note"] == CANARY


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500])
def test_what_is_not_taken_is_raised_with_the_answer(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(NotTakenError, match=f"did not take the traces: it answered {status}"):
        sink(receiver, timeout=0.2).deliver(ENDED)
    assert receiver.received == []


@pytest.mark.parametrize(("failing", "before"), [(1, ["traces"]), (2, ["traces", "logs"])])
def test_metrics_go_last_so_that_nothing_is_counted_twice(
    receiver: Receiver, failing: int, before: list[str]
) -> None:
    receiver.statuses = [200] * failing + [400]
    with pytest.raises(NotTakenError):
        sink(receiver).deliver(ENDED)
    assert [one.signal for one in receiver.received] == before
    sink(receiver).deliver(ENDED)
    assert len(receiver.of("metrics")) == 1
    assert len({span.span_id for span in receiver.spans}) == 1


def test_a_receiver_that_is_not_there_is_a_failure() -> None:
    one = OtelSink(OtelSettings(endpoint="http://127.0.0.1:9", timeout=0.2))
    with pytest.raises(NotTakenError, match="could not be reached in time: ConnectionError"):
        one.deliver(ENDED)


def test_an_answer_that_has_no_end_is_not_read_to_it(receiver: Receiver) -> None:
    receiver.endless = True
    sink(receiver, signals=("traces",)).deliver(ENDED)
    assert len(receiver.spans) == 1
    # what the system keeps for it on its way
    assert receiver.answered < 16_000_000


def test_a_key_does_not_go_where_a_redirection_leads(receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.leads_to = [307], f"{elsewhere.url}/v1/traces"
        # as those releases of the exporters send that leave redirections to requests
        session = Exporters(Target(receiver.url, {}, 1.0))._session
        answer = session.post(f"{receiver.url}/v1/traces", b"", headers={"api-key": SECRET})
    assert (answer.status_code, elsewhere.received) == (307, [])


def test_what_the_receiver_rejects_for_good_is_logged_and_not_sent_again(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.rejects = 1
    with caplog.at_level(logging.WARNING, "batchyard.otel"):
        sink(receiver, signals=("traces",)).deliver(ENDED)
    assert "the receiver left out 1 rejected spans" in caplog.text


def test_the_environments_address_and_headers_count_where_nothing_is_configured(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    OtelSink(OtelSettings()).deliver(ENDED)
    assert receiver.received[0].headers["authorization"] == "Bearer x"
    assert receiver.received[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "collector:4318"},
        {"endpoint": f"http://user:{SECRET}@collector"},
        {"timeout": 5},
        {"signals": ()},
        {"signals": ("profiles",)},
        {"url": "http://collector"},
        {"headers": {"api-key": f"{SECRET}\n"}},
        {"headers": {"api key": SECRET}},
        {"headers": {"api-key": f"{SECRET}é"}},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        OtelSettings(**settings)
    assert SECRET not in str([one["msg"] for one in caught.value.errors()])


def test_the_sink_is_found_by_its_name(receiver: Receiver) -> None:
    assert repr(Registry({}).sink("otel", {"endpoint": receiver.url})).startswith("Sink(")
