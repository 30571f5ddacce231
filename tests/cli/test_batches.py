from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from batchyard_openai.emulator import OpenAIEmulator
from tests.cli.shell import Shell
from tests.client.requests import chat_lines

BATCH = {
    *("id", "object", "endpoint", "model", "errors", "input_file_id", "completion_window"),
    *("status", "output_file_id", "error_file_id", "created_at", "in_progress_at", "expires_at"),
    *("finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at"),
    *("cancelled_at", "request_counts", "usage", "metadata"),
}
"""The batch as JSON: what programs may count on."""

SUMMARY = {
    *("batch", "lines", "outcomes", "duplicates", "strangers", "malformed", "complete", "usage"),
    *("results", "errors"),
}

ENDPOINT = ("--endpoint", "/v1/chat/completions")


@pytest.fixture
def batch_id(shell: Shell) -> str:
    """A batch of two lines that are answered and one that fails."""
    path = shell.file(chat_lines(2) + chat_lines(1, prefix="bad", temperature=9))
    file_id = shell.done("files", "upload", path)
    return shell.done("batches", "create", file_id, *ENDPOINT, "--metadata", "a=b=c")


def test_a_batch_is_created_watched_and_listed(shell: Shell, batch_id: str) -> None:
    assert batch_id.startswith("batch_")
    waited = shell("batches", "wait", batch_id)
    assert waited.exit_code == 0
    assert "status       completed" in waited.stdout
    assert "metadata a   b=c" in waited.stdout
    assert "completed: 3 of 3 done" in waited.stderr
    assert shell("batches", "wait", batch_id, "--quiet").stderr == ""
    assert shell.done("batches", "list").split()[:3] == [batch_id, "completed", "3/3"]


def test_batches_as_json_are_openais_objects(shell: Shell, batch_id: str) -> None:
    ended = shell.json("batches", "wait", batch_id)
    assert set(ended) == BATCH
    assert ended["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert shell.json("batches", "get", batch_id) == ended
    assert shell.json("batches", "cancel", batch_id) == ended
    assert shell.json("batches", "list") == {"object": "list", "data": [ended], "has_more": False}


def test_a_batch_created_with_a_key_is_created_once(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(1)))
    create = ("batches", "create", file_id, *ENDPOINT, "--key", "k", "--model", "gpt-4.1-mini")
    first = shell.json(*create)
    assert set(first) == BATCH
    assert shell.done(*create) == first["id"]
    assert shell.posted() == 2


def test_results_go_to_standard_output_in_the_order_of_the_input(
    shell: Shell, batch_id: str
) -> None:
    shell("batches", "wait", batch_id)
    done = shell("batches", "results", batch_id)
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["custom_id"] for line in lines] == ["r-0", "r-1", "bad-0"]
    assert done.stderr == "completed: 3 = 2 ok + 1 error\n"


def test_results_go_to_two_files(shell: Shell, batch_id: str) -> None:
    shell("batches", "wait", batch_id)
    options = ("--output", "out.jsonl", "--input", shell.folder / "in.jsonl")
    summary = shell.json("batches", "results", batch_id, *options)
    assert set(summary) == SUMMARY
    assert set(summary["usage"]) == {
        *("input_tokens", "cached_tokens", "output_tokens", "total_tokens", "known"),
    }
    assert summary["outcomes"] == {"ok": 2, "error": 1}
    assert (summary["results"], summary["errors"]) == ("out.jsonl", "out.errors.jsonl")
    assert [len(Path(summary[one]).read_bytes().splitlines()) for one in ("results", "errors")] == [
        2,
        1,
    ]
    assert "lines     3 = 2 ok + 1 error" in shell.done("batches", "results", batch_id, *options)


def test_results_of_a_batch_that_still_runs_are_refused(tmp_path: Path) -> None:
    emulator = OpenAIEmulator(time_scale=1)
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url)
        file_id = shell.done("files", "upload", shell.file(chat_lines(1)))
        batch_id = shell.done("batches", "create", file_id, *ENDPOINT)
        done = shell("batches", "results", batch_id)
        late = shell("batches", "wait", batch_id, "--wait-timeout", "0.01", "--json")
    assert (done.exit_code, late.exit_code) == (1, 1)
    assert "wait for its end first" in done.stderr
    error = json.loads(late.stderr.splitlines()[-1])["error"]
    assert "it goes on, and can be waited for again" in error["message"]


def test_a_batch_that_is_not_completed_is_told_by_the_exit_code(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(2, model="gpt-none")))
    batch_id = shell.done("batches", "create", file_id, *ENDPOINT)
    assert "(model_not_found)" in shell.done("batches", "wait", batch_id, code=3)
    assert len(shell.done("batches", "results", batch_id, code=3).splitlines()) == 2


def test_ctrl_c_while_waiting_says_that_the_batch_goes_on(tmp_path: Path) -> None:
    emulator = OpenAIEmulator(time_scale=1)
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url)
        file_id = shell.done("files", "upload", shell.file(chat_lines(1)))
        batch_id = shell.done("batches", "create", file_id, *ENDPOINT)
        process = shell.started("batches", "wait", batch_id)
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[1]
    assert process.returncode == 130
    assert f"Batch {batch_id} goes on; the same command waits again." in rest


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "file-x"],
        ["create", "file-x", *ENDPOINT, "--metadata", "no-pair"],
        ["list", "--limit", "0"],
        ["results", "b", "--json"],
        ["results", "b", "--errors", "e"],
        ["wait", "b", "--wait-timeout", "-1"],
        ["none"],
    ],
)
def test_wrong_usage_is_told_by_the_exit_code(shell: Shell, arguments: list[str]) -> None:
    done = shell("batches", *arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.stderr
    assert list(shell.emulator.requests) == []


@pytest.mark.parametrize("command", ["get", "cancel", "results"])
def test_a_batch_that_is_not_there_is_one_sentence(shell: Shell, command: str) -> None:
    done = shell("batches", command, "batch_none")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_an_error_as_json_is_openais_envelope(shell: Shell) -> None:
    done = shell("batches", "get", "batch_none", "--json")
    (line,) = done.stderr.splitlines()
    assert set(json.loads(line)["error"]) == {"message", "type", "param", "code"}
    assert done.stdout == ""


def test_what_a_stranger_wrote_does_not_reach_the_terminal_raw(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(1)))
    hostile = "a=\x1b]0;owned\x07\x9b2J\u202e\nnext"
    batch_id = shell.done("batches", "create", file_id, *ENDPOINT, "--metadata", hostile)
    said = shell.done("batches", "get", batch_id)
    assert "metadata a  \\x1b]0;owned\\x07\\x9b2J\\u202e next" in said
    assert shell.json("batches", "get", batch_id)["metadata"] == {"a": hostile[2:]}
