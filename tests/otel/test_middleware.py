from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from batchyard.errors import RateLimitError
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, BatchRequest, Ref
from batchyard_otel import OtelMiddleware, _tracing
from batchyard_otel._middleware import OF_BATCHES, OF_FILES
from batchyard_otel.identity import span_id, trace_id
from tests.otel.receiver import Receiver, plain
from tests.otel.told import CANARY
from tests.registry.colours import BATCH, CALL, Provider, Runs, account


class Creates(Provider):
    @hookimpl
    async def create_batch(self) -> Batch:
        return Batch(id="batch_new")


@pytest.fixture(params=["sync", "async"])
def runs(request: pytest.FixtureRequest) -> Runs:
    return Runs(request.param)


@pytest.fixture
def middleware(receiver: Receiver) -> Iterator[OtelMiddleware]:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield OtelMiddleware(lambda: provider.get_tracer("batchyard"))
    provider.shutdown()


def test_a_call_is_a_span_beneath_its_batchs(
    runs: Runs, middleware: OtelMiddleware, receiver: Receiver
) -> None:
    at = account(Provider(), middleware)
    call = replace(CALL, batch="batch_7", request_id="job_1")
    runs.plan(at, lambda: at.retrieve_batch(call, BATCH))
    (span,) = receiver.spans
    assert span.name == "retrieve_batch acme"
    assert span.trace_id == trace_id("batch_7").to_bytes(16, "big")
    assert span.parent_span_id == span_id("batch_7").to_bytes(8, "big")
    assert plain(span.attributes) == {
        "gen_ai.operation.name": "retrieve_batch",
        "gen_ai.batch.account": "acme",
        "gen_ai.batch.id": "batch_7",
        "gen_ai.batch.request.id": "job_1",
    }


def test_without_a_ledger_the_batch_is_the_providers(
    runs: Runs, middleware: OtelMiddleware, receiver: Receiver
) -> None:
    at = account(Creates(), middleware)
    runs.plan(at, lambda: at.create_batch(CALL, BatchRequest(Ref("file-1"), "/v1/responses")))
    runs.plan(at, lambda: at.retrieve_batch(CALL, Ref("batch_new")))
    assert [span.name for span in receiver.spans] == ["create_batch acme", "retrieve_batch acme"]
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert {span.parent_span_id for span in receiver.spans} == {
        span_id("batch_new").to_bytes(8, "big")
    }


def test_a_failure_is_told_by_its_kind_and_still_raised(
    runs: Runs, middleware: OtelMiddleware, receiver: Receiver
) -> None:
    at = account(Provider(RateLimitError(CANARY, status=429)), middleware)
    with pytest.raises(RateLimitError):
        runs.plan(at, lambda: at.retrieve_batch(CALL, BATCH))
    (span,) = receiver.spans
    assert span.status.code == 2
    assert plain(span.attributes)["error.type"] == "RateLimitError"
    assert CANARY.encode() not in receiver.raw


@pytest.mark.parametrize("most", [99, 1])
def test_a_download_is_one_span_read_to_its_end_or_not(
    runs: Runs, middleware: OtelMiddleware, receiver: Receiver, most: int
) -> None:
    provider = Provider()
    at = account(provider, middleware)
    call = replace(CALL, batch="batch_7")
    got = runs.stream(at, lambda: at.file_content(call, Ref("file-1")), most)
    assert got == [b"one", b"two", b"three"][:most]
    assert provider.acts == ["closed"]
    (span,) = receiver.spans
    assert span.name == "file_content acme"
    assert span.status.code == 0


def test_a_download_that_breaks_is_a_span_that_says_so(
    runs: Runs, middleware: OtelMiddleware, receiver: Receiver
) -> None:
    at = account(Provider(ValueError(CANARY)), middleware)
    with pytest.raises(ValueError, match=CANARY):
        runs.stream(at, lambda: at.file_content(CALL, Ref("file-1")))
    (span,) = receiver.spans
    assert plain(span.attributes)["error.type"] == "ValueError"


def test_where_nobody_listens_the_plan_is_left_as_it_is(runs: Runs) -> None:
    at = account(Provider(), OtelMiddleware(lambda: None))
    assert runs.plan(at, lambda: at.retrieve_batch(CALL, BATCH)).status == "completed"


@pytest.mark.parametrize("name", [*OF_BATCHES, *OF_FILES, "file_content"])
def test_every_call_of_a_provider_is_wrapped(name: str) -> None:
    assert getattr(OtelMiddleware, name).batchyard_impl["wrapper"] is True


def test_an_address_in_the_environment_is_all_it_needs(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "night-worker")
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    ended: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", ended.append)
    _tracing._own.cache_clear()
    at = account(Provider(), OtelMiddleware())
    Runs("sync").plan(at, lambda: at.retrieve_batch(replace(CALL, batch="batch_7"), BATCH))
    # what waits is sent before the process ends
    ended[0]()
    _tracing._own.cache_clear()
    (span,) = receiver.spans
    assert span.trace_id == trace_id("batch_7").to_bytes(16, "big")
    assert b"night-worker" in receiver.raw


def test_installing_it_imports_nothing_of_opentelemetry() -> None:
    """It loads with every account, whether anybody traces or not."""
    code = (
        "import sys; from batchyard_otel._middleware import OtelMiddleware, _wanted\n"
        "assert _wanted() is None\n"
        "print([one for one in sys.modules if one.startswith(('opentelemetry', 'requests'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.strip() == "[]"
