from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchyard.lines import LineIndex
from tests.cli.shell import Shell
from tests.client.requests import chat_lines

RECORD = {
    *("file", "valid", "lines", "bytes", "digest", "endpoint", "endpoints", "models"),
    *("problem_count", "problems", "warnings", "account", "index"),
}
"""The verdict as JSON: what programs may count on."""

BAD = chat_lines(1) + b'{"custom_id": "a"}\n' + b"\xff\n" + chat_lines(1)


def test_a_file_that_is_well_is_summed_up(shell: Shell) -> None:
    said = shell.done("validate", shell.file(chat_lines(3)))
    assert "requests   3" in said
    assert "problems   0" in said
    assert "limits of  openai" in said
    assert list(shell.emulator.requests) == []


def test_every_problem_is_printed(shell: Shell) -> None:
    said = shell.done("validate", shell.file(BAD), code=1).splitlines()
    assert said[0].startswith("line 2: ")
    assert any(line.startswith("line 3: This line is not UTF-8") for line in said)
    assert any("'r-0' is that of line 1 too" in line for line in said)


def test_the_verdict_as_json_can_be_counted_on(shell: Shell) -> None:
    good = shell.json("validate", shell.file(chat_lines(3)))
    assert set(good) == RECORD
    assert (good["valid"], good["lines"], good["models"]) == (True, 3, {"gpt-4.1-mini": 3})
    bad = shell.json("validate", shell.file(BAD), code=1)
    assert set(bad) == RECORD
    assert bad["problem_count"] == len(bad["problems"])
    assert set(bad["problems"][0]) == {"line", "code", "message", "param"}
    assert {one["line"] for one in bad["problems"]} == {2, 3, 4}


def test_the_index_is_written_when_all_is_well(shell: Shell) -> None:
    index = shell.folder / "index"
    assert shell.json("validate", shell.file(BAD), "--index", index, code=1)["index"] is None
    assert not index.exists()
    content = chat_lines(3)
    path = shell.file(content)
    assert shell.json("validate", path, "--index", index)["index"] == str(index)
    with LineIndex.open(index) as lines:
        assert len(lines) == 3
    assert shell("validate", path, "--index", path).exit_code == 1
    assert path.read_bytes() == content


def test_the_limits_are_those_of_the_account(shell: Shell) -> None:
    shell.file(b'[accounts.small]\nprovider = "openai"\nmax_lines = 2', "batchyard.toml")
    path = shell.file(chat_lines(3))
    said = shell.done("validate", path, code=1)
    assert "has 3 requests, and 2 are taken" in said
    assert "limits of  small" in said
    assert "limits of  openai" in shell.done("validate", path, "--provider", "openai")


def test_a_file_can_be_checked_without_an_account(shell: Shell) -> None:
    done = shell("validate", shell.file(chat_lines(1)), OPENAI_API_KEY=None)
    assert done.exit_code == 0
    assert "The limits of no provider are checked" in done.stderr
    named = shell("validate", shell.file(chat_lines(1)), "--account", "openai", OPENAI_API_KEY=None)
    assert named.exit_code == 1
    assert "variable OPENAI_API_KEY" in named.stderr


def test_a_mistake_in_the_configuration_is_not_passed_over(shell: Shell) -> None:
    shell.file(b"[acounts.x]", "batchyard.toml")
    done = shell("validate", shell.file(chat_lines(1)))
    assert done.exit_code == 1
    assert "did you mean 'accounts'" in done.stderr


def test_several_models_are_a_warning(shell: Shell) -> None:
    path = shell.file(chat_lines(1) + chat_lines(1, prefix="x", model="gpt-4.1"))
    record = shell.json("validate", path)
    assert record["warnings"] == ["2 models (gpt-4.1-mini, gpt-4.1): a batch of openai takes one"]
    assert "Warning: 2 models" in shell("validate", path).stderr


HOSTILE = {
    "empty": b"",
    "nul": b"\0" * 1000,
    "no end": b'{"custom_id": ' * 100,
    "bomb": b'{"custom_id": "a", "body": ' + b"[" * 500_000 + b"\n",
    "objects": b'{"a":' * 200_000 + b"\n",
    "number": b'{"custom_id": "a", "body": {"n": ' + b"9" * 500_000 + b"}}\n",
    "surrogate": b'{"custom_id": "\\ud800", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "\\udfff\\u001b[31m", "messages": []}}\n',
    "escape": b'{"custom_id": "\\u001b]0;x\\u0007", "method": "\\u001b[2J", "url": "\\u009b"}\n',
    "bom": b"\xef\xbb\xbf" + chat_lines(1),
    "utf-16": chat_lines(1).decode().encode("utf-16"),
    "blank": b"\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_hostile_file_is_answered_in_sentences(
    shell: Shell, name: str, options: list[str]
) -> None:
    done = shell("validate", shell.file(HOSTILE[name]), *options)
    assert done.exit_code in {0, 1}
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not {"\x1b", "\x07", "\x9b"} & set(done.output)
    assert len(done.output) < 20_000


def test_what_is_no_file_is_refused(shell: Shell) -> None:
    os.mkfifo(shell.folder / "fifo")
    for name in ("none", ".", "fifo", "x" * 5000, "\x1b[31m"):
        done = shell("validate", shell.folder / name)
        assert done.exit_code == 1
        assert "cannot read" in done.stderr
        assert "\x1b" not in done.stderr


def test_a_name_that_is_not_utf8_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "batchyard", "validate", b"\xff.jsonl"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"cannot read" in done.stderr
