"""Workers, and batches that come from elsewhere."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.shell import Shell
from tests.client.requests import chat_lines


@contextmanager
def worker(shell: Shell, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that has said who it is."""
    process = shell.started("worker", *options)
    try:
        assert process.stderr is not None
        assert "follows" in process.stderr.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def created(shell: Shell, lines: int = 2) -> tuple[str, str]:
    """A batch that nobody waits for, and what was said of it."""
    file = shell.done("files", "upload", shell.file(chat_lines(lines)))
    done = shell("batches", "create", file, "--endpoint", "/v1/chat/completions")
    assert done.exit_code == 0, done.output
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_follows_until_it_is_stopped(tracked: Shell, how: signal.Signals) -> None:
    with worker(tracked) as process:
        batch, _ = created(tracked)
        ended = tracked.json("batches", "wait", batch, "--quiet")
        assert ended["status"] == "completed"
        process.send_signal(how)
        _, said = process.communicate()
    assert process.returncode == 0
    assert said.splitlines()[-1] == "Stopped."
    assert "Traceback" not in said
    # its leases are free: it does not count as alive
    file = tracked.json("files", "list", "--purpose", "batch")["data"][0]["id"]
    started = tracked.started("batches", "create", file, "--endpoint", "/v1/chat/completions")
    assert "nobody follows" in started.communicate()[1]


def test_a_worker_says_who_it_is_as_json(tracked: Shell) -> None:
    process = tracked.started("worker", "--json", "--only", "deliver,submit")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    process.terminate()
    process.communicate()
    assert process.returncode == 0
    assert said["duties"] == ["submit", "deliver"]
    assert said["ledger"] == str(tracked.folder / "ledger.db")
    assert said["worker"]


def test_a_worker_that_does_only_a_part_is_no_follower(tracked: Shell) -> None:
    with worker(tracked, "--only", "deliver,poll"):
        batch, _ = created(tracked)
        # so who waits follows
        assert tracked.json("batches", "wait", batch, "--quiet")["status"] == "completed"


def test_workers_that_share_the_duties_follow_together(tracked: Shell) -> None:
    tracked.done("usage")
    with worker(tracked, "--only", "submit,settle"), worker(tracked, "--only", "poll"):
        batch, _ = created(tracked)
        assert tracked.json("batches", "wait", batch, "--quiet")["status"] == "completed"


@pytest.mark.parametrize("duties", ["fly", "submit,", ""])
def test_a_duty_that_there_is_not_is_refused(tracked: Shell, duties: str) -> None:
    done = tracked("worker", "--only", duties)
    assert done.exit_code == 2
    assert "there is no duty" in done.stderr


def test_a_ledger_that_cannot_be_opened_is_said_without_its_password(tracked: Shell) -> None:
    tracked.environment |= {
        "BATCHYARD_LEDGER__URL": f"postgresql://{'me:geheim'}@127.0.0.1:1/none",
        "BATCHYARD_LEDGER__STORE": str(tracked.folder / "store"),
    }
    done = tracked("worker")
    assert done.exit_code == 1
    assert "unreachable" in done.stderr
    assert "geheim" not in done.output
    assert "Traceback" not in done.output


class TestOfBatchesFromElsewhere:
    @pytest.fixture
    def batch(self, tracked: Shell) -> str:
        """At the provider, by its own name."""
        summary = tracked.json("run", tracked.file(chat_lines(3)), "--no-ledger", "--quiet")
        return str(summary["batch"]["id"])

    def test_one_is_adopted_settled_and_priced(self, tracked: Shell, batch: str) -> None:
        own = ("--owner", "mia", "--team", "core", "--tag", "a")
        adopted = tracked.json("adopt", batch, "--account", "openai", *own)
        assert adopted["id"] != batch
        assert tracked.json("batches", "wait", adopted["id"], "--quiet")["status"] == "completed"
        receipt = tracked.json("batches", "cost", adopted["id"])
        assert receipt["identity"] == {"owner": "mia", "team": "core", "tags": ["a"], "key": None}
        assert (receipt["state"], receipt["proof"]["complete"]) == ("priced", True)
        assert tracked.json("adopt", batch, "--account", "openai")["id"] == adopted["id"]

    def test_one_that_there_is_not_is_told(self, tracked: Shell) -> None:
        done = tracked("adopt", "batch_none", "--account", "openai")
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert tracked.json("batches", "list")["data"] == []

    def test_an_account_that_there_is_not_is_told(self, tracked: Shell, batch: str) -> None:
        done = tracked("adopt", batch, "--account", "opnai")
        assert done.exit_code == 1
        assert "did you mean 'openai'?" in done.stderr

    @pytest.mark.usefixtures("batch")
    def test_a_lost_ledger_is_rebuilt_of_what_it_has_sent_and_no_more(self, tracked: Shell) -> None:
        lost = tracked.json("run", tracked.file(chat_lines(2), "two.jsonl"), "--quiet")
        for path in tracked.folder.glob("ledger.db*"):
            path.unlink()
        data = tracked.json("ledger", "rebuild", "--account", "openai")["data"]
        assert [one["request_counts"]["total"] for one in data] == [2]
        found = data[0]["id"]
        tracked.done("batches", "wait", found, "--quiet")
        assert tracked.json("batches", "cost", found)["cost"] == lost["receipt"]["cost"]
        again = tracked("ledger", "rebuild", "--account", "openai")
        assert "0 batches are taken over." in again.stderr

    def test_a_rebuild_is_told_of_which_account(self, tracked: Shell) -> None:
        assert tracked("ledger", "rebuild").exit_code == 2
