"""``batchyard run``: what a user sees, and what is left on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchyard.cli import main
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines


class Shell:
    """Runs the command line in this process, in a folder, against an emulator."""

    def __init__(self, folder: Path, emulator: OpenAIEmulator, url: str) -> None:
        self.folder = folder
        self.emulator = emulator
        self.environment = emulator.environment(url)

    def __call__(self, *arguments: str | Path, **environment: str | None) -> Result:
        return CliRunner().invoke(
            main, [str(one) for one in arguments], env={**self.environment, **environment}
        )

    def file(self, content: bytes, name: str = "in.jsonl") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def written(self) -> dict[str, list[dict[str, object]]]:
        return {
            path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
            for path in sorted(self.folder.glob("*.*.jsonl"))
        }


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    emulator = OpenAIEmulator(time_scale=0.002)
    with emulator.serve() as server:
        yield Shell(tmp_path, emulator, server.url)


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


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["none.jsonl"], {}, "cannot read"),
        (["."], {}, "cannot read"),
        (["in.jsonl", "--provider", "opnai"], {}, "did you mean 'openai'?"),
        (["in.jsonl"], {"OPENAI_API_KEY": None}, "variable OPENAI_API_KEY"),
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
        shell = Shell(tmp_path, emulator, server.url)
        done = shell("run", shell.file(chat_lines(200)))
    assert done.exit_code == 3
    assert " missing" in done.stdout
    lines = shell.written()["in.errors.jsonl"]
    assert {line["error"]["code"] for line in lines} == {"missing"}  # type: ignore[index]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    emulator = OpenAIEmulator(time_scale=1)
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url)
        process = subprocess.Popen(
            [sys.executable, "-m", "batchyard", "run", shell.file(chat_lines(2)), "--key", "k9"],
            env={**os.environ, **shell.environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        seen = ""
        while "validating" not in seen:
            seen += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[1]
    assert process.returncode == 130
    assert "goes on; run the same command again to take it up (key 'k9')" in rest
    assert "Traceback" not in rest
    assert list(shell.written()) == []
