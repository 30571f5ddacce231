"""``batchyard run`` without a ledger: what a user sees, and what is left on disk."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from batchyard.client import Batches, Client
from batchyard_openai.emulator import OpenAIEmulator
from tests.cli.shell import Shell
from tests.client.requests import chat_lines

DIRECT = {"BATCHYARD_LEDGER": "false"}


@pytest.fixture
def shell(shell: Shell) -> Shell:
    shell.environment |= DIRECT
    return shell


def test_results_and_errors_are_written_and_summed_up(shell: Shell) -> None:
    path = shell.file(chat_lines(7) + chat_lines(2, prefix="bad", temperature=9))
    done = shell("run", path)
    assert done.exit_code == 0, done.output
    assert "lines     9 = 7 ok + 2 error" in done.stdout
    written = shell.written()
    assert [line["custom_id"] for line in written["in.results.jsonl"]] == [
        f"r-{n}" for n in range(7)
    ]
    assert [line["custom_id"] for line in written["in.errors.jsonl"]] == ["bad-0", "bad-1"]
    assert [one.name for one in shell.folder.glob(".*")] == []


def test_the_summary_as_json_can_be_counted_on(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(3)), "--json", "--quiet")
    record = json.loads(done.stdout)
    assert (record["lines"], record["outcomes"], record["complete"]) == (3, {"ok": 3}, True)
    assert record["batch"]["status"] == "completed"
    assert record["usage"]["total_tokens"] > 0
    assert done.stderr == ""


def test_every_bad_line_is_named_and_nothing_is_sent(shell: Shell) -> None:
    bad = b'{"custom_id": "a"}\n' + b"not json\n" + chat_lines(1) + chat_lines(1)
    done = shell("run", shell.file(bad))
    assert done.exit_code == 1
    for part in ("line 1: `method`", "line 2: ", "line 4: `custom_id` 'r-0' is that of line 3"):
        assert part in done.stderr
    assert list(shell.emulator.requests) == []


def test_several_models_are_refused_before_anything_is_sent(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(1) + chat_lines(1, prefix="x", model="gpt-4.1")))
    assert done.exit_code == 1
    assert "names 2 models (gpt-4.1-mini, gpt-4.1)" in done.stderr
    assert list(shell.emulator.requests) == []


def test_a_run_with_a_key_is_taken_up_again(shell: Shell) -> None:
    path = shell.file(chat_lines(2))
    first, again = shell("run", path, "--key", "k"), shell("run", path, "--key", "k")
    assert first.exit_code == again.exit_code == 0, again.output
    assert "taking up batch" in again.stderr
    assert first.stdout == again.stdout
    assert [one.method for one in shell.emulator.requests].count("POST") == 2


def test_a_key_is_not_taken_up_with_another_file(shell: Shell) -> None:
    shell("run", shell.file(chat_lines(2)), "--key", "k")
    done = shell("run", shell.file(chat_lines(3), "other.jsonl"), "--key", "k")
    assert done.exit_code == 1
    assert "the key was used with another file" in done.stderr


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_paid_for(
    shell: Shell,
) -> None:
    done = shell("run", shell.file(chat_lines(1)), "--output", shell.folder / "none" / "x")
    assert done.exit_code == 1
    assert "there is no folder" in done.stderr
    assert list(shell.emulator.requests) == []


def test_an_input_that_changes_meanwhile_is_not_what_results_are_joined_to(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shell.file(chat_lines(3))
    wait = Client("openai", api_key="sk-any-0000").batches.wait.__func__  # type: ignore[attr-defined]

    def edited(self: Batches, *arguments: Any, **options: Any) -> Any:
        path.write_bytes(chat_lines(1))
        return wait(self, *arguments, **options)

    monkeypatch.setattr(Batches, "wait", edited)
    done = shell("run", path)
    assert done.exit_code == 0
    assert "has changed since it was checked" in done.stderr
    assert "3 = 3 ok" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["none.jsonl"], {}, "cannot read"),
        (["."], {}, "cannot read"),
        (["in.jsonl", "--provider", "opnai"], {}, "did you mean 'openai'?"),
        (["in.jsonl", "--provider", "openai"], {"OPENAI_API_KEY": None}, "variable OPENAI_API_KEY"),
        (["in.jsonl"], {"OPENAI_API_KEY": "wrong-key-12345"}, "Incorrect API key"),
        (["in.jsonl"], {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "cannot connect"),
        (["in.jsonl"], {"OPENAI_BASE_URL": "no-url"}, "a base URL begins with https://"),
    ],
)
def test_a_mistake_is_one_sentence_without_a_traceback_or_the_key(
    shell: Shell, arguments: list[str], environment: dict[str, str | None], message: str
) -> None:
    shell.file(chat_lines(1))
    name, *rest = arguments
    done = shell("run", shell.folder / name, *rest, **environment)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") <= 2
    assert "Traceback" not in done.output
    assert "wrong-key-12345" not in done.output


def test_a_batch_that_is_refused_as_a_whole_is_told_by_its_exit_code(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(2, model="gpt-none")))
    assert done.exit_code == 3
    assert "failed" in done.stdout
    assert "line 1: " in done.stdout
    assert len(shell.written()["in.errors.jsonl"]) == 2


def test_lines_without_a_result_are_told_by_the_exit_code(tmp_path: Path) -> None:
    emulator = OpenAIEmulator(time_scale=0.002, quirks=["missing-rows"])
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url, **DIRECT)
        done = shell("run", shell.file(chat_lines(200)))
    assert done.exit_code == 3
    assert " missing" in done.stdout
    lines = shell.written()["in.errors.jsonl"]
    assert {line["error"]["code"] for line in lines} == {"missing"}


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--key", "k9"], "run the same command again to take it up (key 'k9')"),
        (
            ["--account", "openai"],
            "take it up with: batchyard run in.jsonl --batch batch_… --account openai",
        ),
    ],
)
def test_ctrl_c_says_how_to_go_on(tmp_path: Path, options: list[str], hint: str) -> None:
    emulator = OpenAIEmulator(time_scale=1)
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url, **DIRECT)
        shell.file(chat_lines(2))
        process = shell.started("run", "in.jsonl", *options)
        assert process.stderr is not None
        seen = ""
        while "validating" not in seen:
            seen += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[1]
    batch = seen.split("batch batch_")[1].split()[0]
    assert process.returncode == 130
    assert hint.replace("batch_…", f"batch_{batch}") in rest
    assert "Traceback" not in rest
    assert list(shell.written()) == []


def test_a_run_without_a_key_is_taken_up_by_the_batchs_id(shell: Shell) -> None:
    path = shell.file(chat_lines(3))
    first = shell.json("run", path)
    posted = shell.posted()
    again = shell.json("run", path, "--batch", first["batch"]["id"])
    assert again == first
    assert shell.posted() == posted


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (chat_lines(2), "has 3 lines, and the file 2: it was made of another file"),
        (
            chat_lines(3).replace(b"/v1/chat/completions", b"/v1/responses"),
            "is for /v1/chat/completions, and the file for /v1/responses",
        ),
    ],
)
def test_a_batch_of_another_file_is_not_taken_up(shell: Shell, lines: bytes, message: str) -> None:
    batch = shell.json("run", shell.file(chat_lines(3)))["batch"]["id"]
    other = shell.file(lines.replace(b'"messages"', b'"input": "x", "messages"'), "other.jsonl")
    done = shell("run", other, "--batch", batch)
    assert (done.exit_code, message in done.stderr) == (1, True), done.stderr


def test_a_key_and_a_batch_are_one_too_many(shell: Shell) -> None:
    done = shell("run", shell.file(chat_lines(1)), "--key", "k", "--batch", "b")
    assert done.exit_code == 2


def test_a_create_whose_reply_is_lost_is_looked_up_and_not_sent_again(shell: Shell) -> None:
    shell.emulator.faults.add("POST /v1/batches lost")
    done = shell("run", shell.file(chat_lines(2)), "--key", "k")
    assert done.exit_code == 0, done.output
    assert len(shell.json("batches", "list")["data"]) == 1


def test_a_run_does_not_write_over_its_input(shell: Shell) -> None:
    path = shell.file(chat_lines(1))
    twice = ("--output", "x", "--errors", str(shell.folder / "x"))
    for options in (("--output", str(path)), twice):
        done = shell("run", path, *options)
        assert done.exit_code == 1
        assert "is named twice" in done.stderr
    assert shell.posted() == 0
