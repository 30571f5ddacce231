"""A batch's whole life in the ledger, told by every exporter that comes with Batchyard."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from batchyard.ledger.outbox import Chosen, Outbox, Subscription, Terms, replay, subscribe
from batchyard.ledger.telling import Lines
from batchyard.models import Batch, Receipt
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from batchyard_otel import OtelMiddleware
from batchyard_otel.identity import trace_id
from tests.ledger.life.place import Place, created, settled
from tests.otel.receiver import Receiver, plain, receiving

CANARY = "CANARY-the-prompt"

KEY = "sk-canary-of-the-account"

LINES = 12


def requests() -> bytes:
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
        for number in range(1, LINES + 1)
    ]
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


@dataclass
class Told:
    """What has arrived.  ``calls`` are the spans of the middleware."""

    batch: Batch
    receipt: Receipt
    otel: Receiver
    calls: Receiver
    langfuse: Receiver
    lake: Path
    costs: Path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("place")
    place = Place(f"sqlite:///{folder / 'ledger.db'}", folder, ManualClock(time.time()))
    with receiving() as otel, receiving() as calls, receiving() as langfuse:
        made = {"otel": otel, "calls": calls, "langfuse": langfuse}
        lake, costs = folder / "lake", folder / "costs.duckdb"
        sinks: dict[str, dict[str, Any]] = {
            "otel": {"endpoint": otel.url, "headers": {"key": KEY}},
            "langfuse": {
                "host": langfuse.url,
                "public_key": "pk",
                "secret_key": KEY,
                "totals": "lines",
            },
            "objectstore": {"url": str(lake)},
            "sql": {"url": f"duckdb://{costs}"},
        }
        batch, receipt = asyncio.run(_life(place, sinks, calls))
        yield Told(batch, receipt, lake=lake, costs=costs, **made)
    place.close()


async def _life(
    place: Place, settings: dict[str, dict[str, Any]], calls: Receiver
) -> tuple[Batch, Receipt]:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{calls.url}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    middleware = OtelMiddleware(lambda: provider.get_tracer("batchyard"))
    setup = place.setup(accounts=[place.served(middleware=[middleware])])
    async with place.open(setup) as ledger:
        batch = await settled(ledger, (await created(ledger, requests())).id)
        parts, registry = ledger.parts, Registry({})
        await subscribe(parts.db, [Subscription(name, name) for name in settings])
        for name in settings:
            await replay(parts.db, Chosen(batch=batch.id, subscription=name))
        outbox = Outbox(
            parts.db,
            {name: registry.sink(name, given) for name, given in settings.items()},
            terms={name: Terms(lines=1.0) for name in ("langfuse", "objectstore")},
            reader=Lines(parts.db, parts.store, parts.accounts),
        )
        assert await outbox.flush(3600.0)
        (receipt,) = await ledger.receipts(batch.id)
    provider.shutdown()
    return batch, receipt


def test_opentelemetry_hears_of_the_batch_and_of_the_calls_beneath_it(told: Told) -> None:
    (span,) = told.otel.spans
    attributes = plain(span.attributes)
    assert attributes["gen_ai.usage.input_tokens"] == told.receipt.usage.input_tokens
    assert attributes["gen_ai.batch.cost.exact"] == f"{told.receipt.cost:f}"
    calls = {one.name.split()[0]: one for one in told.calls.spans}
    assert {"upload_file", "create_batch", "retrieve_batch", "file_content"} <= set(calls)
    for one in calls.values():
        assert one.trace_id == span.trace_id == trace_id(told.batch.id).to_bytes(16, "big")
        assert one.parent_span_id == span.span_id


def test_langfuse_adds_up_the_lines_to_what_the_receipt_says(told: Told) -> None:
    lines = [plain(one.attributes) for one in told.langfuse.spans if one.name != "batch"]
    costs = [json.loads(one["langfuse.observation.cost_details"])["total"] for one in lines]
    assert len(costs) == LINES
    assert told.receipt.cost is not None
    # each line is rounded by itself
    assert sum(costs) == pytest.approx(float(told.receipt.cost), abs=1e-8)
    tokens = [json.loads(one["langfuse.observation.usage_details"])["total"] for one in lines]
    assert sum(tokens) == told.receipt.usage.total_tokens


def test_the_lake_has_every_event_and_every_line_once(told: Told) -> None:
    (part,) = told.lake.glob("lines/*/*.ndjson")
    records = [json.loads(line) for line in part.read_text().splitlines()]
    assert [one["custom_id"] for one in records] == [f"r-{n}" for n in range(1, LINES + 1)]
    events = [json.loads(path.read_text()) for path in told.lake.glob("events/*/*.ndjson")]
    assert {"acreate_batch", "batch_success"} <= {one["type"] for one in events}


def test_the_warehouse_has_the_receipt(told: Told) -> None:
    with duckdb.connect(str(told.costs), read_only=True) as connection:
        query = "select cost, lines, complete from batchyard.settlements"
        assert connection.execute(query).fetchall() == [(told.receipt.cost, LINES, True)]


def test_no_prompt_and_no_key_is_anywhere(told: Told) -> None:
    stored = b"".join(path.read_bytes() for path in told.lake.rglob("*") if path.is_file())
    everything = told.otel.raw + told.calls.raw + told.langfuse.raw + stored
    everything += told.costs.read_bytes()
    assert len(everything) > 10_000
    for secret in (CANARY, KEY):
        assert secret.encode() not in everything
