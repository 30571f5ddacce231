"""`batchyard events`: what happened, what became of its deliveries, and once more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import PluginFailedError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import Outbox, Recorded, Subscription, record_all, subscribe
from batchyard.models import Batch, BatchEvent, Event
from tests.cli.shell import Shell


class Broken:
    """Delivers nothing of ``batch_b``."""

    deadline = 1.0

    async def deliver(self, event: Event) -> None:
        if isinstance(event, BatchEvent) and event.batch.id == "batch_b":
            raise PluginFailedError("sink audit: deliver failed: OSError: no route")


def happened(batch: str, hook: str) -> Recorded:
    event = BatchEvent(
        hook=hook, at=1_790_000_000.0, provider="acme", account="acme", batch=Batch(id=batch)
    )
    return Recorded(event, batch, "mia")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five events, of which the last could not be delivered."""
    path = tmp_path / "ledger.db"
    monkeypatch.setenv("BATCHYARD_LEDGER", str(path))

    async def fill(db: Database) -> None:
        await subscribe(db, [Subscription("audit", "jsonl")])
        async with db.writing() as connection:
            events = [happened("batch_a", "batch_status_changed") for _ in range(3)]
            events += [happened("batch_a", "batch_success"), happened("batch_b", "batch_failed")]
            await record_all(connection, db, events)
        outbox = Outbox(db, {"audit": Broken()}, attempts=1)
        assert await outbox.flush()

    used(path, fill)
    return path


def used(path: Path, use: Callable[[Database], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with Database(str(path)) as db:
            return await use(db)

    return asyncio.run(main())


@pytest.mark.usefixtures("ledger")
class TestOfEvents:
    def test_they_are_listed_newest_first_with_their_deliveries(self, shell: Shell) -> None:
        first, *rest = shell.done("events", "list").splitlines()
        assert first.split()[0] == "5"
        assert "2026-09-21 14:13:20Z  batch_failed" in first
        assert first.endswith("1 dead")
        assert all(line.endswith("1 delivered") for line in rest)
        assert len(rest) == 4

    def test_they_are_chosen_by_batch_by_id_and_by_what_was_given_up(self, shell: Shell) -> None:
        def numbers(*options: str) -> list[int]:
            return [one["number"] for one in shell.json("events", "list", *options)["data"]]

        assert numbers("--batch", "batch_a") == [4, 3, 2, 1]
        assert numbers("--dead") == [5]
        assert numbers("--subscription", "none") == []
        assert numbers("--account", "another") == []
        [only] = shell.json("events", "list", "--dead")["data"]
        assert numbers("--event", only["event"]["id"]) == [5]

    def test_pages_go_on_behind_a_number(self, shell: Shell) -> None:
        page = shell.json("events", "list", "--limit", "2")
        assert [one["number"] for one in page["data"]] == [5, 4]
        assert page["has_more"]
        rest = shell.json("events", "list", "--after", "4", "--all")
        assert [one["number"] for one in rest["data"]] == [3, 2, 1]
        assert not rest["has_more"]

    def test_json_has_the_event_and_why_it_was_not_delivered(self, shell: Shell) -> None:
        [found] = shell.json("events", "list", "--dead")["data"]
        assert found["subject"] == "batch_b"
        assert (found["seq"], found["owner"]) == (1, "mia")
        assert found["event"]["type"] == "batch_failed"
        [delivery] = found["deliveries"]
        assert delivery["error"] == "sink audit: deliver failed: OSError: no route"
        assert (delivery["state"], delivery["attempts"]) == ("dead", 1)

    def test_what_was_given_up_is_due_again(self, shell: Shell, ledger: Path) -> None:
        assert shell.done("events", "replay", "--dead") == "1 delivery is due."
        assert shell.json("events", "replay", "--batch", "batch_a") == {"due": 4}
        due = used(ledger, lambda db: Outbox(db, {"audit": Broken()}).step())
        assert due == 1, "the first of batch_a; batch_b fails again"

    def test_a_replay_of_everything_is_not_started_by_mistake(self, shell: Shell) -> None:
        assert "Say which" in shell("events", "replay").stderr
        shell.done("events", "replay", code=2)

    def test_a_sink_that_does_not_exist_is_refused(self, shell: Shell) -> None:
        result = shell("events", "replay", "--subscription", "audits")
        assert result.exit_code == 1
        assert "no subscription 'audits' at present; there is: audit" in result.stderr
