"""``batchyard batches cost`` and ``batchyard usage``: what settled batches came to."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.client.requests import chat_lines


@pytest.fixture
def record(tracked: Shell) -> dict[str, Any]:
    """The summary of a run whose files are ``in.results.jsonl`` and ``in.errors.jsonl``."""
    path = tracked.file(chat_lines(7) + chat_lines(1, prefix="bad", temperature=9))
    own = ("--owner", "mia", "--team", "core", "--tag", "a", "--tag", 'b,"c"\n=d')
    summary: dict[str, Any] = tracked.json("run", path, "--quiet", *own)
    return summary


class TestOfReceipts:
    def test_a_table_has_lines_tokens_rates_basis_cost_and_proof(
        self, tracked: Shell, record: dict[str, Any]
    ) -> None:
        text = tracked.done("batches", "cost", record["batch"]["id"])
        assert "for       mia, team core, a, b" in text
        assert "lines     8 = 7 ok + 1 error" in text
        assert f"input   {record['usage']['input_tokens']}" in text
        assert f"output  {record['usage']['output_tokens']}" in text
        assert "list" in text
        assert text.splitlines()[-1].startswith("prices    book ")

    def test_json_is_the_receipt_of_the_run(self, tracked: Shell, record: dict[str, Any]) -> None:
        receipt = tracked.json("batches", "cost", record["batch"]["id"])
        assert receipt == record["receipt"]

    @pytest.mark.parametrize("form", ["receipt", "summary"])
    def test_a_saved_receipt_agrees_with_its_output_without_a_ledger(
        self, shell: Shell, tracked: Shell, record: dict[str, Any], form: str
    ) -> None:
        saved = tracked.folder / "saved.json"
        saved.write_text(json.dumps(record["receipt"] if form == "receipt" else record))
        del shell.environment["OPENAI_API_KEY"]
        (tracked.folder / "ledger.db").unlink()
        files = ("-o", "in.results.jsonl", "-o", "in.errors.jsonl")
        assert tracked.done("batches", "cost", "--receipt", saved, *files).startswith("agrees")
        answer = tracked.json("batches", "cost", "--receipt", saved, *files)
        assert answer["agrees"] is True
        assert answer["recomputed"] == answer["cost"] == record["receipt"]["cost"]
        assert answer["differences"] == []
        assert not (tracked.folder / "ledger.db").exists()

    def test_a_line_that_lacks_or_a_digit_that_differs_is_found(
        self, tracked: Shell, record: dict[str, Any]
    ) -> None:
        batch, results = record["batch"]["id"], tracked.folder / "in.results.jsonl"
        saved = tracked.folder / "saved.json"
        receipt = record["receipt"]
        receipt["items"][0]["usage"]["output_tokens"] += 1
        saved.write_text(json.dumps(receipt))
        answer = tracked.json("batches", "cost", "--receipt", saved, "-o", results, code=3)
        assert (answer["agrees"], len(answer["differences"])) == (False, 1)
        results.write_bytes(b"".join(results.read_bytes().splitlines(keepends=True)[1:]))
        text = tracked.done("batches", "cost", batch, "--output", results, code=3)
        assert "7 lines on the receipt, 6 in the files" in text
        assert "cost: " in text

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("nonsense", "it is not JSON"),
            ("[1]", "this is no receipt"),
            ("{}", "this is no receipt"),
            ('{"receipt": {"cost": "free"}}', "this is no receipt"),
        ],
    )
    def test_what_is_no_receipt_is_refused(self, shell: Shell, content: str, said: str) -> None:
        saved = shell.file(content.encode(), "saved.json")
        done = shell("batches", "cost", "--receipt", saved, "-o", shell.file(b""))
        assert done.exit_code == 1
        assert said in done.stderr
        assert "Traceback" not in done.output

    @pytest.mark.parametrize(
        "arguments",
        [[], ["batch_1", "--receipt", "r.json"], ["--receipt", "r.json"]],
    )
    def test_wrong_usage_is_told(self, shell: Shell, arguments: list[str]) -> None:
        assert shell("batches", "cost", *arguments).exit_code == 2

    def test_a_batch_that_is_not_there_or_not_settled_has_no_receipt(self, tracked: Shell) -> None:
        done = tracked("batches", "cost", "batch_none")
        assert (done.exit_code, done.stderr) == (1, "Error: No batch found with id 'batch_none'.\n")
        file = tracked.done("files", "upload", tracked.file(chat_lines(1)))
        made = tracked.done("batches", "create", file, "--endpoint", "/v1/chat/completions")
        done = tracked("batches", "cost", made)
        assert done.exit_code == 1
        assert "is validating: it has no receipt before it is settled" in done.stderr

    def test_a_ledger_that_is_not_there_is_not_made(self, tracked: Shell) -> None:
        for command in (("batches", "cost", "batch_1"), ("usage",)):
            done = tracked(*command, "--ledger", tracked.folder / "other.db")
            assert done.exit_code == 1
            assert "there is no ledger at" in done.stderr
        assert not (tracked.folder / "other.db").exists()


class TestOfUsage:
    def test_an_empty_ledger_has_nothing(self, tracked: Shell) -> None:
        done = tracked("usage", "--by", "model")
        assert (done.exit_code, done.stdout) == (0, "")
        assert "Nothing has been settled" in done.stderr
        assert tracked.json("usage", "--by", "day") == {"object": "list", "by": "day", "data": []}
        assert len(tracked.done("usage", "--csv").splitlines()) == 1

    @pytest.mark.parametrize(
        ("by", "keys"),
        [
            ("model", ["gpt-4.1-mini-2025-04-14"]),
            ("owner", ["mia"]),
            ("team", ["core"]),
            ("tag", ["a", 'b,"c"\n=d']),
            ("account", ["openai"]),
        ],
    )
    def test_it_is_summed_by_each(
        self, tracked: Shell, record: dict[str, Any], by: str, keys: list[str]
    ) -> None:
        data = tracked.json("usage", "--by", by)["data"]
        assert [one["key"] for one in data] == keys
        for one in data:
            assert one["cost"] == record["receipt"]["cost"]
            assert one["output_tokens"] == record["usage"]["output_tokens"]
            assert (one["batches"], one["lines"]) == (1, 7)
        table = tracked.done("usage", "--by", by).splitlines()
        assert len(table) == 1 + len(keys)

    def test_csv_can_be_read_whatever_a_tag_has_in_it(
        self, tracked: Shell, record: dict[str, Any]
    ) -> None:
        text = tracked.done("usage", "--by", "tag", "--csv")
        first, second = csv.DictReader(text.splitlines(keepends=True))
        assert (first["tag"], second["tag"]) == ("a", 'b,"c"\n=d')
        assert first["cost"] == second["cost"] == record["receipt"]["cost"]

    def test_days_bound_it(self, tracked: Shell, record: dict[str, Any]) -> None:
        assert record["complete"]
        [today] = tracked.json("usage", "--by", "day")["data"]
        assert tracked.json("usage", "--since", today["key"])["data"][0]["lines"] == 7
        assert tracked.json("usage", "--until", today["key"])["data"] == []
        assert tracked.json("usage", "--since", "2999-01-01")["data"] == []
        assert tracked.json("usage", "--owner", "eve")["data"] == []

    def test_what_is_unknown_is_not_shown_as_nothing(self, tracked: Shell) -> None:
        tracked.environment["BATCHYARD_PRICES__SOURCES"] = '["account"]'
        tracked.done("run", tracked.file(chat_lines(3)))
        row = tracked.done("usage", "--by", "model").splitlines()[1]
        assert row.endswith("unknown, 3 lines unpriced")
        [one] = tracked.json("usage", "--by", "model")["data"]
        assert (one["cost"], one["unpriced_lines"]) == (None, 3)
        [line] = csv.DictReader(tracked.done("usage", "--csv").splitlines())
        assert line["cost"] == ""

    @pytest.mark.parametrize(
        "options", [["--since", "soon"], ["--by", "colour"], ["--csv", "--json"]]
    )
    def test_wrong_usage_is_told(self, tracked: Shell, options: list[str]) -> None:
        assert tracked("usage", *options).exit_code == 2


def test_new_prices_are_a_difference_and_the_receipt_has_both(tracked: Shell) -> None:
    tracked.environment["BATCHYARD_PRICES__SOURCES"] = '["account"]'
    batch = tracked.json("run", tracked.file(chat_lines(3)))["batch"]["id"]
    assert "unknown" in tracked.done("batches", "cost", batch)
    del tracked.environment["BATCHYARD_PRICES__SOURCES"]
    text = tracked.done("reprice", "--unpriced")
    assert text.splitlines()[-1] == "1 of 1 repriced"
    assert text.startswith(f"{batch}  0.000")
    receipt = tracked.json("batches", "cost", batch)
    assert receipt["state"] == "priced"
    assert tracked.json("usage")["data"][0]["cost"] == receipt["cost"]
    saved = tracked.folder / "saved.json"
    saved.write_text(json.dumps(receipt))
    tracked.done("batches", "cost", "--receipt", saved, "-o", "in.results.jsonl")
    again = {"looked_at": 1, "repriced": 0, "failed": 0, "difference": "0"}
    assert tracked.json("reprice", "--since", "2020-01-01") == again
    assert tracked.json("reprice", batch) == again
    types = [one["event"]["type"] for one in tracked.json("events", "list")["data"]]
    assert types.count("batch_repriced") == 1


def test_a_batch_of_an_account_that_is_gone_stops_no_other(tracked: Shell) -> None:
    tracked.environment |= {
        "BATCHYARD_ACCOUNTS__MINE__PROVIDER": "openai",
        "BATCHYARD_PRICES__SOURCES": '["account"]',
    }
    path = tracked.file(chat_lines(1))
    gone = tracked.json("run", path, "--account", "mine")["batch"]["id"]
    tracked.done("run", path, "--account", "openai")
    del tracked.environment["BATCHYARD_ACCOUNTS__MINE__PROVIDER"]
    del tracked.environment["BATCHYARD_PRICES__SOURCES"]
    done = tracked("reprice", "--unpriced", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) | {"difference": ""} == {
        "looked_at": 2,
        "repriced": 1,
        "failed": 1,
        "difference": "",
    }
    assert gone in done.stderr


@pytest.mark.parametrize("arguments", [[], ["batch_1", "--unpriced"], ["--since", "soon"]])
def test_reprice_is_told_which(tracked: Shell, arguments: list[str]) -> None:
    assert tracked("reprice", *arguments).exit_code == 2


def test_a_batch_that_is_not_there_is_not_repriced(tracked: Shell) -> None:
    done = tracked("reprice", "batch_none")
    assert done.exit_code == 1
    assert "No batch found" in done.stderr
    assert "Traceback" not in done.output


def test_the_store_is_beside_the_ledger(tracked: Shell, record: dict[str, Any]) -> None:
    output = record["batch"]["output_file_id"]
    stored: Path = tracked.folder / "ledger.store" / output / "content.jsonl"
    assert stored.exists()
    content = tracked.done("files", "content", output)
    assert len(content.splitlines()) == 7
