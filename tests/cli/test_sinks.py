"""`batchyard sinks`: what events go to, whether it works, and what waits."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from batchyard.ledger.database import Database
from batchyard.ledger.outbox import Outbox, Recorded, Subscription, record_all, subscribe
from batchyard.models import Batch, BatchEvent
from tests.cli.shell import Shell
from tests.cli.test_events import Broken

CONFIG = """
[ledger]
url = "{folder}/ledger.db"

[sinks.audit]
sink = "jsonl"
path = "{folder}/audit.jsonl"
events = ["batch_failed", "batch_success"]
rate = 5

[sinks.lost]
sink = "jsonl"
path = "{folder}/no/such/folder.jsonl"
"""


def event() -> Recorded:
    batch = Batch(id="batch_b")
    made = BatchEvent(hook="batch_failed", at=1.79e9, provider="acme", account="acme", batch=batch)
    return Recorded(made, "batch_b", "mia")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which an event waits for ``audit`` and for one that is gone."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"

    async def main() -> None:
        async with Database(str(path)) as db:
            names = ("audit", "former")
            await subscribe(db, [Subscription(one, "jsonl") for one in names])
            async with db.writing() as connection:
                await record_all(connection, db, [event()])
            await subscribe(db, [Subscription("audit", "jsonl")])
            await Outbox(db, {"audit": Broken()}).step()

    asyncio.run(main())
    return path


@pytest.fixture
def folder(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that, with its configuration."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ledger, tmp_path / "ledger.db")
    Path("batchyard.toml").write_text(CONFIG.format(folder=tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
class TestOfSinks:
    def test_they_are_listed_with_their_state_and_what_waits(self, shell: Shell) -> None:
        audit, former, lost = shell.json("sinks", "list")["data"]
        assert (audit["name"], audit["sink"], audit["state"]) == ("audit", "jsonl", "active")
        assert (audit["pending"], audit["dead"]) == (1, 0)
        assert audit["settings"]["events"] == ["batch_failed", "batch_success"]
        assert audit["settings"]["rate"] == 5.0
        assert (former["state"], former["pending"], former["settings"]) == ("gone", 1, None)
        assert (lost["state"], lost["pending"]) == ("new", 0)
        first, *_ = shell.done("sinks", "list").splitlines()
        assert first.split()[:3] == ["audit", "jsonl", "active"]

    def test_one_that_is_broken_is_named_with_its_mistake(self, shell: Shell, folder: Path) -> None:
        (folder / "batchyard.toml").write_text("[sinks.audit]\nsink = 'jsonl'\npth = 'x'\n")
        result = shell("sinks", "list", "--ledger", str(folder / "ledger.db"))
        assert result.exit_code == 1
        assert "sinks.audit.pth: there is no such setting" in result.stdout

    def test_a_pause_is_kept_in_the_ledger(self, shell: Shell) -> None:
        assert shell.done("sinks", "pause", "audit") == "audit is paused."
        assert shell.done("sinks", "pause", "audit") == "audit was paused already."
        assert shell.json("sinks", "list")["data"][0]["state"] == "paused"
        resumed = shell.json("sinks", "resume", "audit")
        assert resumed == {"name": "audit", "state": "active", "changed": True}
        result = shell("sinks", "pause", "audits")
        assert result.exit_code == 1
        assert "no subscription 'audits'" in result.stderr

    def test_the_backlog_says_since_when_and_why(self, shell: Shell) -> None:
        [audit] = shell.json("sinks", "backlog", "audit")["data"]
        assert (audit["pending"], audit["failing"], audit["oldest"]) == (1, 1, 1.79e9)
        assert audit["error"] == "sink audit: deliver failed: OSError: no route"
        first, second = shell.done("sinks", "backlog").splitlines()
        assert "1 pending" in first
        assert second.split()[:2] == ["former", "gone"]

    def test_a_sample_is_delivered_at_once(self, shell: Shell, folder: Path) -> None:
        assert shell.done("sinks", "test", "audit").startswith("audit took evt_sample_")
        [line] = (folder / "audit.jsonl").read_text().splitlines()
        record = json.loads(line)
        assert (record["type"], record["batch"]["id"]) == ("batch_failed", "batch_sample")

    def test_a_sample_that_fails_says_why(self, shell: Shell) -> None:
        result = shell("sinks", "test", "lost")
        assert result.exit_code == 1
        assert "the sink 'lost' did not take it: " in result.stderr
        assert "FileNotFoundError" in result.stderr
        assert shell("sinks", "test", "nobody").exit_code == 1


def test_without_a_ledger_what_is_configured_is_listed(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell.done("sinks", "list") == "No sink is configured."
    Path("batchyard.toml").write_text("[sinks.audit]\nsink = 'jsonl'\npath = 'x'\n")
    [audit] = shell.json("sinks", "list")["data"]
    assert (audit["state"], audit["sink"]) == ("new", "jsonl")
