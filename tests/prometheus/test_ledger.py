"""What the ledger's collector shows, read back by the official parser."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from batchyard.ledger import tables
from batchyard.ledger.database import Database
from batchyard.testing import ManualClock
from batchyard_prometheus.collector import LedgerCollector

NOW = 1_795_000_000.0

CANARY = "canary-prompt-3f9a"

Labels = tuple[tuple[str, str], ...]


def batch(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "account": "main",
        "provider": "openai",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "phase": "open",
        "status": "in_progress",
        "metadata": {"note": CANARY},
        "created_at": NOW,
        **changed,
    }


def job(name: str, batch_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "batch_id": batch_id,
        "number": 0,
        "account": "main",
        "provider": "openai",
        "state": "tracking",
        "marker": name,
        "created_at": NOW,
        **changed,
    }


def item(batch_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "settlement": 0,
        "number": 0,
        "at": NOW,
        "model": "gpt-5-mini",
        "provider": "openai",
        "account": "main",
        "team": "docs",
        "tier": "batch",
        "band": "standard",
        "lines": 10,
        "input_tokens": 100,
        "output_tokens": 50,
        "cost_nanos": 1_500_000_000,
        **changed,
    }


def delivery(number: int, state: str, subscription: str = "bills") -> list[tuple[Any, Any]]:
    event = {
        "id": f"evt_{number}",
        "subject": f"batch_{number}",
        "seq": 1,
        "hook": "batch_success",
        "at": NOW + number,
        "account": "main",
        "body": {"note": CANARY},
    }
    row = {
        "event_id": event["id"],
        "subscription": subscription,
        "subject": event["subject"],
        "seq": 1,
        "state": state,
        "error": CANARY,
    }
    return [(tables.events, event), (tables.deliveries, row)]


class Scraped:
    """A database, and what Prometheus would see of it."""

    def __init__(self, db: Database, loop: asyncio.AbstractEventLoop, clock: ManualClock) -> None:
        self.db = db
        self.loop = loop
        self.clock = clock

    def write(self, rows: Sequence[tuple[Any, Any]]) -> None:
        async def main() -> None:
            async with self.db.writing() as conn:
                for table, row in rows:
                    await conn.execute(insert(table).values(row))

        self.run(main())

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def registry(self, **options: Any) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(self.db, self.loop, **options))
        return registry

    def scrape(self, **options: Any) -> dict[str, dict[Labels, float]]:
        return read(self.registry(**options))


def read(registry: CollectorRegistry) -> dict[str, dict[Labels, float]]:
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def labels(**values: str) -> Labels:
    return tuple(sorted(values.items()))


@contextmanager
def running() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"

    async def made() -> None:
        async with Database(str(path)):
            """With its tables."""

    asyncio.run(made())
    return path


@pytest.fixture
def scraped(template: Path, tmp_path: Path) -> Iterator[Scraped]:
    clock = ManualClock(NOW)
    shutil.copy(template, tmp_path / "ledger.db")
    with running() as loop:
        db = Database(str(tmp_path / "ledger.db"), clock=clock, migrate=False)
        one = Scraped(db, loop, clock)
        one.run(db.__aenter__())
        try:
            yield one
        finally:
            one.run(db.__aexit__(None, None, None))


def test_batches_are_counted_by_account_and_status(scraped: Scraped) -> None:
    rows = [
        batch("a", created_at=NOW - 500),
        batch("b"),
        batch("c", status="completed", phase="settled", created_at=NOW - 9000),
        batch("d", account="eu", provider="azure", status="validating", created_at=NOW - 5),
    ]
    scraped.write([(tables.batches, row) for row in rows])
    found = scraped.scrape()
    assert found["batchyard_batches"] == {
        labels(account="main", provider="openai", status="in_progress"): 2,
        labels(account="main", provider="openai", status="completed"): 1,
        labels(account="eu", provider="azure", status="validating"): 1,
    }
    assert found["batchyard_oldest_open_batch_timestamp_seconds"] == {
        labels(account="main"): NOW - 500,
        labels(account="eu"): NOW - 5,
    }
    assert found["batchyard_ledger_up"] == {(): 1}


def test_stalled_jobs_are_those_that_have_not_ended_and_none_is_0(scraped: Scraped) -> None:
    scraped.write([(tables.batches, batch(name)) for name in "abc"])
    scraped.write([(tables.batches, batch("d", account="eu"))])
    jobs = [
        job("j1", "a", stalled_at=NOW),
        job("j2", "b"),
        job("j3", "c", stalled_at=NOW, state="ended"),
    ]
    scraped.write([(tables.jobs, row) for row in jobs])
    assert scraped.scrape()["batchyard_stalled_jobs"] == {
        labels(account="main"): 1,
        labels(account="eu"): 0,
    }


def test_usage_is_told_by_account_model_and_team(scraped: Scraped) -> None:
    rows = [
        item("a"),
        item("b", cost_nanos=None, model="new", account="eu", team=None, lines=4),
        item("a", settlement=1, lines=0, input_tokens=0, output_tokens=0, cost_nanos=-500_000_000),
    ]
    scraped.write([(tables.settlement_items, row) for row in rows])
    found = scraped.scrape()
    assert found["batchyard_model_cost_dollars"] == {
        labels(model="gpt-5-mini"): 1.0,
        labels(model="new"): 0,
    }
    assert found["batchyard_model_unpriced_lines"] == {
        labels(model="gpt-5-mini"): 0,
        labels(model="new"): 4,
    }
    assert found["batchyard_account_lines_total"][labels(account="main")] == 10
    assert found["batchyard_model_tokens_total"][labels(model="new", type="output")] == 50
    assert found["batchyard_team_cost_dollars"] == {
        labels(team="docs"): 1.0,
        labels(team="(unknown)"): 0,
    }


def test_a_label_has_so_many_values_and_no_more(scraped: Scraped) -> None:
    rows = [item(f"b{number}", model=f"m{number}", lines=number) for number in range(1, 31)]
    scraped.write([(tables.settlement_items, row) for row in rows])
    found = scraped.scrape(most=3)["batchyard_model_lines_total"]
    assert found == {
        labels(model="m30"): 30,
        labels(model="m29"): 29,
        labels(model="m28"): 28,
        labels(model="(other)"): sum(range(1, 28)),
    }


def test_what_waits_for_sinks_is_told_and_what_was_given_up(scraped: Scraped) -> None:
    subscription = {"name": "bills", "sink": "jsonl", "created_at": NOW}
    rows = [(tables.subscriptions, subscription)]
    for number, state in enumerate(("pending", "pending", "dead", "delivered")):
        rows += delivery(number, state)
    scraped.write(rows)
    found = scraped.scrape()
    assert found["batchyard_deliveries"] == {
        labels(subscription="bills", state="pending"): 2,
        labels(subscription="bills", state="failing"): 0,
        labels(subscription="bills", state="dead"): 1,
    }
    assert found["batchyard_oldest_delivery_timestamp_seconds"] == {
        labels(subscription="bills"): NOW
    }
    assert found["batchyard_subscription_paused"] == {labels(subscription="bills"): 0}


def test_names_from_outside_are_only_ever_values_of_labels(scraped: Scraped) -> None:
    odd = 'a"} 1\nevil{x="\\'
    scraped.write([(tables.settlement_items, item("a", model=odd))])
    found = scraped.scrape()
    assert found["batchyard_model_lines_total"] == {labels(model=odd): 10}
    assert not any(name.startswith("evil") for name in found)


def test_no_id_and_no_text_that_somebody_wrote_is_shown(scraped: Scraped) -> None:
    scraped.write([(tables.batches, batch("batch_secret", owner="ann", key_id="key_1"))])
    scraped.write(delivery(1, "dead"))
    scraped.write([(tables.settlement_items, item("batch_secret", owner="ann", key_id="key_1"))])
    text = generate_latest(scraped.registry()).decode()
    for word in (CANARY, "batch_secret", "ann", "key_1"):
        assert word not in text


def test_figures_are_read_again_when_they_are_old(scraped: Scraped) -> None:
    registry = scraped.registry(fresh=5)
    assert read(registry).get("batchyard_batches") is None
    scraped.write([(tables.batches, batch("a"))])
    assert read(registry).get("batchyard_batches") is None
    scraped.clock.advance(5)
    assert read(registry)["batchyard_batches"]


def test_a_ledger_that_cannot_be_read_is_told_and_its_figures_are_not(
    scraped: Scraped, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        async with scraped.db.writing() as conn:
            await conn.run_sync(tables.deliveries.drop)

    scraped.run(broken())
    assert scraped.scrape() == {"batchyard_ledger_up": {(): 0}}
    assert "the ledger cannot be read: " in caplog.text
