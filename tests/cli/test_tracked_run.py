"""``batchyard run`` with a ledger: the receipt, and going on whatever happened."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard.cli import _tracked_run
from batchyard.testing import ManualClock
from batchyard_openai.emulator import OpenAIEmulator
from tests.cli.shell import Shell
from tests.client.requests import chat_lines


def test_the_summary_is_followed_by_the_receipt(tracked: Shell) -> None:
    path = tracked.file(chat_lines(7) + chat_lines(2, prefix="bad", temperature=9))
    done = tracked("run", path)
    assert done.exit_code == 0, done.output
    summary, receipt = done.stdout.split("\n\n")
    assert "lines     9 = 7 ok + 2 error" in summary
    assert receipt.startswith("model ")
    assert "gpt-4.1-mini-2025-04-14  7 " in receipt
    assert "0.20" in receipt
    assert "book " in receipt
    assert "USD\nprices    book " in receipt
    written = tracked.written()
    assert [line["custom_id"] for line in written["in.errors.jsonl"]] == ["bad-0", "bad-1"]
    assert len(written["in.results.jsonl"]) == 7
    assert "nobody follows" not in done.stderr


def test_json_has_the_receipt_with_money_as_text(tracked: Shell) -> None:
    record = tracked.json("run", tracked.file(chat_lines(3)), "--quiet")
    receipt = record["receipt"]
    assert (receipt["object"], receipt["kind"], receipt["state"]) == (
        "receipt",
        "settlement",
        "priced",
    )
    assert receipt["batch_id"] == record["batch"]["id"]
    assert isinstance(receipt["cost"], str)
    assert receipt["proof"] == {
        "lines": 3,
        "outcomes": {"ok": 3},
        "duplicates": 0,
        "strangers": 0,
        "malformed": 0,
        "complete": True,
    }
    [item] = receipt["items"]
    assert item["rates"]["input"] == "0.2"


def test_without_a_word_of_a_ledger_it_is_the_users_own(shell: Shell) -> None:
    path = shell.file(chat_lines(1))
    batch = shell.json("run", path, "--quiet")["batch"]["id"]
    assert (shell.folder / "data" / "batchyard" / "ledger.db").exists()
    assert batch in shell.done("batches", "cost", batch)


@pytest.mark.parametrize("how", ["option", "variable", "extra"])
def test_without_a_ledger_nothing_is_kept(
    shell: Shell, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--no-ledger"] if how == "option" else []
    environment = {"BATCHYARD_LEDGER": "false"} if how == "variable" else {}
    if how == "extra":
        monkeypatch.setattr(_tracked_run, "installed", lambda: False)
    done = shell("run", shell.file(chat_lines(2)), *options, **environment)
    assert done.exit_code == 0, done.output
    assert "USD" not in done.stdout
    assert not (shell.folder / "data").exists()
    assert "uploading 2 requests" in done.stderr


def test_an_address_wins_over_the_configured_ledger(tracked: Shell) -> None:
    other = tracked.folder / "other.db"
    batch = tracked.json("run", tracked.file(chat_lines(1)), "--ledger", other)["batch"]["id"]
    assert not (tracked.folder / "ledger.db").exists()
    assert tracked.json("batches", "get", batch, "--ledger", other)["status"] == "completed"


def test_identity_is_kept_and_another_owner_does_not_see_the_batch(tracked: Shell) -> None:
    path = tracked.file(chat_lines(1))
    own = ("--owner", "mia", "--team", "core", "--tag", "a", "--tag", "b")
    record = tracked.json("run", path, *own)
    who = {"owner": "mia", "team": "core", "tags": ["a", "b"], "key": None}
    assert record["receipt"]["identity"] == who
    batch = record["batch"]["id"]
    assert tracked.json("run", path, "--batch", batch, "--owner", "mia")["batch"]["id"] == batch
    done = tracked("run", path, "--batch", batch, "--owner", "eve")
    assert done.exit_code == 1
    assert "No batch found" in done.stderr


def test_an_identity_without_a_ledger_is_wrong_usage(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(1)), "--no-ledger", "--owner", "mia")
    assert done.exit_code == 2
    assert "there is none" in done.stderr


def test_a_ledger_and_none_exclude_each_other(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(1)), "--ledger", "x.db", "--no-ledger")
    assert done.exit_code == 2


def test_a_run_with_a_key_is_taken_up_again(tracked: Shell) -> None:
    path = tracked.file(chat_lines(2))
    first, again = (tracked("run", path, "--key", "k") for _ in range(2))
    assert first.exit_code == again.exit_code == 0, again.output
    assert "taking up batch" in again.stderr
    assert first.stdout == again.stdout
    assert tracked.posted() == 2
    inputs = tracked.json("files", "list", "--purpose", "batch")["data"]
    assert len(inputs) == 1


def test_a_key_is_not_taken_up_with_another_file(tracked: Shell) -> None:
    tracked.done("run", tracked.file(chat_lines(2)), "--key", "k")
    done = tracked("run", tracked.file(chat_lines(3), "other.jsonl"), "--key", "k")
    assert done.exit_code == 1
    assert "the key was used with another file" in done.stderr


def test_two_runs_with_one_key_at_the_same_time_make_one_batch(tracked: Shell) -> None:
    tracked.done("usage")  # the ledger is there
    path = tracked.file(chat_lines(2))
    pair = [tracked.started("run", path, "--key", "k", "--output", f"{n}.jsonl") for n in range(2)]
    ends = [one.communicate() for one in pair]
    assert [one.returncode for one in pair] == [0, 0], ends
    assert len(tracked.json("batches", "list")["data"]) == 1
    assert len(tracked.json("files", "list", "--purpose", "batch")["data"]) == 1


def test_a_file_that_is_refused_at_create_is_not_left_in_the_store(tracked: Shell) -> None:
    done = tracked("run", tracked.file(chat_lines(2)), "--window", "7d")
    assert done.exit_code == 1
    assert "completion_window" in done.stderr
    assert tracked.json("files", "list")["data"] == []


def test_events_are_delivered_before_it_ends(tracked: Shell) -> None:
    events = tracked.folder / "events.log"
    tracked.environment |= {
        "BATCHYARD_SINKS__FILE__SINK": "jsonl",
        "BATCHYARD_SINKS__FILE__PATH": str(events),
    }
    tracked.done("run", tracked.file(chat_lines(1)))
    types = [json.loads(line)["type"] for line in events.read_text().splitlines()]
    assert sorted({types[0], types[1]}) == ["acreate_batch", "acreate_file"]
    assert types[-1] == "batch_success"


def test_an_input_that_changes_meanwhile_does_not_matter(tracked: Shell) -> None:
    path = tracked.file(chat_lines(3))
    tracked.done("run", path, "--key", "k")
    batch = tracked.json("batches", "list")["data"][0]["id"]
    path.write_bytes(chat_lines(1))
    rows = tracked.done("batches", "results", batch).splitlines()
    assert len(rows) == 3


def test_several_models_are_refused_before_anything_is_staged(tracked: Shell) -> None:
    lines = chat_lines(1) + chat_lines(1, prefix="x", model="gpt-4.1")
    done = tracked("run", tracked.file(lines))
    assert done.exit_code == 1
    assert "names 2 models (gpt-4.1-mini, gpt-4.1)" in done.stderr
    assert tracked.posted() == 0


def test_a_batch_that_is_refused_as_a_whole_is_told_by_its_exit_code(tracked: Shell) -> None:
    done = tracked("run", tracked.file(chat_lines(2, model="gpt-none")))
    assert done.exit_code == 3
    assert "failed" in done.stdout
    assert "cost      0.00 USD: nothing was used" in done.stdout
    assert len(tracked.written()["in.errors.jsonl"]) == 2


def test_a_price_that_no_source_knows_is_unknown_and_never_nothing(tracked: Shell) -> None:
    tracked.environment["BATCHYARD_PRICES__SOURCES"] = '["account"]'
    done = tracked("run", tracked.file(chat_lines(2)))
    assert done.exit_code == 0, done.output
    assert "cost      unknown: 2 answered lines have no known price" in done.stdout


class TestOfAProcessThatDies:
    """Time stands still at the service until the test moves it."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(time.time())

    @pytest.fixture
    def shell(self, tmp_path: Path, clock: ManualClock) -> Iterator[Shell]:
        emulator = OpenAIEmulator(clock=clock)
        with emulator.serve() as server:
            ledger = {
                "BATCHYARD_LEDGER": str(tmp_path / "ledger.db"),
                "BATCHYARD_LEDGER__POLL_FIRST": "1",
            }
            yield Shell(tmp_path, emulator, server.url, **ledger)

    def test_the_same_command_goes_on_with_the_same_batch(
        self, shell: Shell, clock: ManualClock
    ) -> None:
        path = shell.file(chat_lines(3))
        process = shell.started("run", path, "--key", "k")
        seen = _until("validating", process)
        while "GET" not in [one.method for one in shell.emulator.requests]:
            _lasts(process)
        # what it saw is written down, and it waits for the next look
        assert _lasts(process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        clock.advance(86_000)
        again = shell.json("run", path, "--key", "k")
        assert again["batch"]["id"] in seen
        assert again["outcomes"] == {"ok": 3}
        assert again["receipt"]["state"] == "priced"
        assert shell.posted() == 2

    @pytest.mark.parametrize(
        ("options", "hint"),
        [
            (["--key", "k9"], "run the same command again to take it up (key 'k9')"),
            ([], "take it up with: batchyard run in.jsonl --batch batch_"),
        ],
    )
    def test_ctrl_c_says_how_to_go_on(self, shell: Shell, options: list[str], hint: str) -> None:
        shell.file(chat_lines(2))
        process = shell.started("run", "in.jsonl", *options)
        _until("validating", process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        assert process.returncode == 130
        assert "is kept, and goes on if it was sent" in said
        assert hint in said
        assert "Traceback" not in said


def _lasts(process: subprocess.Popen[str], seconds: float = 0.3) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _until(word: str, process: subprocess.Popen[str]) -> str:
    """What it says on standard error until it has said *word*."""
    assert process.stderr is not None
    seen = ""
    while word not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    return seen
