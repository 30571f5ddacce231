from __future__ import annotations

from tests.cli.shell import Shell
from tests.client.requests import chat_lines

RECORD = {
    *("file", "bytes", "lines", "exact", "sampled", "unreadable", "endpoints", "models"),
    *("cost", "limits", "account", "price_version", "input", "output"),
}
"""An estimate as JSON: what programs may count on."""


def test_an_estimate_says_what_is_known_and_what_is_not(shell: Shell) -> None:
    said = shell.done("estimate", shell.file(chat_lines(30)))

    assert "requests  30" in said
    assert "o200k_base" in said
    assert "unknown" in said
    assert "at least" in said
    assert "tokens that may wait" in said
    assert list(shell.emulator.requests) == []


def test_an_estimate_as_json_can_be_counted_on(shell: Shell) -> None:
    found = shell.json("estimate", shell.file(chat_lines(30, max_tokens=10)))

    assert set(found) == RECORD
    assert (found["lines"], found["exact"]) == (30, True)
    assert found["output"] == {"low": None, "expected": None, "high": 300}
    assert float(found["cost"]["low"]) > 0
    assert found["cost"]["expected"] is None
    assert {one["limit"] for one in found["limits"]} == {
        *("lines", "bytes", "models", "endpoint", "enqueued_tokens")
    }


def test_how_long_answers_will_be_can_be_said(shell: Shell) -> None:
    found = shell.json("estimate", shell.file(chat_lines(30)), "--output-tokens", "100")

    assert found["output"]["expected"] == 3000
    assert found["cost"]["expected"] is not None


def test_without_an_account_tokens_are_counted_all_the_same(shell: Shell) -> None:
    path = shell.file(chat_lines(3))
    absent = {name: None for name in shell.environment if name.startswith(("OPENAI", "AZURE"))}

    result = shell("estimate", path, "--json", **absent)

    assert result.exit_code == 0
    assert "No prices and limits are known" in result.stderr
    assert '"account": null' in result.stdout


def test_an_account_that_there_is_not_is_an_error(shell: Shell) -> None:
    assert shell("estimate", shell.file(chat_lines(1)), "--account", "nobody").exit_code != 0


def test_a_file_that_there_is_not_is_an_error(shell: Shell) -> None:
    result = shell("estimate", shell.folder / "missing.jsonl")

    assert result.exit_code != 0
    assert "missing.jsonl" in result.stderr


def test_a_file_that_is_no_batch_file_is_said_to_be_none(shell: Shell) -> None:
    result = shell("estimate", shell.file(b"one\ntwo\n"))

    assert "2 lines of the sample are no requests" in result.stderr
    assert "unknown" in result.stdout
