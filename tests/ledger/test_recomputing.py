"""A saved receipt and the result files are enough to come to the same cost, to the last digit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard.errors import InputError
from batchyard.ledger.receipts import combined
from batchyard.ledger.recomputing import SavedReceipt, recomputed
from batchyard.ledger.settlement import FilePaths, JobFiles, SettleTask, settle
from batchyard.models import Billing, Receipt
from batchyard.prices import PriceOptions, PriceSources, UsageRow, price_usage
from batchyard.registry import Registry
from batchyard.steps import openai_wire

DAY = 86_400
OTHER_DISK = Path("/", "dev", "shm")
NOW = 1_795_000_000
READER = openai_wire.usage_reader("/v1/chat/completions")
SOURCES = PriceSources.load(Registry({}), PriceOptions())


class Payer:
    name = "mine"
    provider = "openai"

    def billing(self, model: str | None, requested: str | None = None) -> Billing:
        return Billing(model or requested)


def answer(
    number: int, model: str, tokens: tuple[int, int, int] | None, created: int = NOW
) -> dict[str, Any]:
    """A result line; *tokens* are of the input, of it cached, and of the output."""
    body: dict[str, Any] = {"model": model, "created": created, "choices": []}
    if tokens is not None:
        body["usage"] = {
            "prompt_tokens": tokens[0],
            "prompt_tokens_details": {"cached_tokens": min(tokens[:2])},
            "completion_tokens": tokens[2],
        }
    return {"custom_id": f"r-{number}", "response": {"status_code": 200, "body": body}}


def written(folder: Path, rows: Iterable[dict[str, Any]], name: str = "out.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def receipt_for(folder: Path, *files: Path, payer: Payer | None = None) -> SavedReceipt:
    """What a settlement would have written down, after a turn as JSON."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        made = [Path(name, part) for part in ("o", "oo", "e", "eo")]
        paths = FilePaths(made[0], made[1]), FilePaths(made[2], made[3])
        settled = settle(SettleTask(READER, (JobFiles("j", results=files),), *paths, Path(name)))
    rows = [
        UsageRow(key.model, None, key.bucket, key.day, one.lines, one.unknown_lines, one.usage)
        for key, one in settled.usages.items()
    ]
    priced = price_usage(rows, SOURCES, payer or Payer(), NOW)
    receipt = Receipt(
        "batch_1",
        0,
        "settlement",
        float(NOW),
        priced.state,
        priced.items,
        settled.proof,
        priced.cost,
        priced.priced_cost,
        priced.version,
    )
    return turned(SavedReceipt(receipt, "/v1/chat/completions", float(NOW)))


def turned(saved: SavedReceipt) -> SavedReceipt:
    return SavedReceipt.from_json(json.loads(json.dumps(saved.to_json())))


MODELS = ("gpt-4.1-mini-2025-04-14", "gpt-5.4", "gpt-4o-2024-08-06", "acme-none")


@st.composite
def answers(draw: st.DrawFn) -> list[dict[str, Any]]:
    size = st.integers(0, 400_000)
    tokens = st.none() | st.tuples(size, size, size)
    one = st.tuples(
        st.sampled_from(MODELS), tokens, st.integers(0, 400).map(lambda n: NOW - n * DAY)
    )
    return [answer(n, *found) for n, found in enumerate(draw(st.lists(one, max_size=12)))]


@given(answers())
@settings(max_examples=60, deadline=None)
def test_whatever_was_answered_the_files_come_to_the_receipt(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = written(folder, rows)
        saved = receipt_for(folder, output)
        again = recomputed(saved, [output], READER)
    assert again.differences == ()
    assert again.agrees
    assert again.priced.cost == saved.receipt.cost
    assert again.priced.priced_cost == saved.receipt.priced_cost


def test_a_receipt_is_the_same_after_a_turn_as_json(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, "gpt-5.4", (300_000, 5, 7)), answer(1, "x", None)])
    saved = receipt_for(tmp_path, output)
    assert turned(saved) == saved
    assert {item.band for item in saved.receipt.items} == {"long", "standard"}


def test_answers_that_failed_are_in_the_error_file(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))])
    errors = written(tmp_path, [answer(1, MODELS[0], (10, 0, 0))], "errors.jsonl")
    saved = receipt_for(tmp_path, output, errors)
    assert recomputed(saved, [output, errors], READER).agrees
    again = recomputed(saved, [output], READER)
    assert not again.agrees
    assert "2 lines on the receipt, 1 in the files" in again.differences[0]


def test_one_token_is_enough_to_disagree(tmp_path: Path) -> None:
    saved = receipt_for(tmp_path, written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))]))
    other = written(tmp_path, [answer(0, MODELS[0], (10, 0, 11))], "other.jsonl")
    again = recomputed(saved, [other], READER)
    assert [one.split(": ")[0] for one in again.differences] == [
        *[f"{MODELS[0]} (standard)"] * 2,
        "cost",
        "priced cost",
    ]


def test_a_cost_that_was_changed_by_a_billionth_is_found(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))])
    saved = receipt_for(tmp_path, output)
    assert saved.receipt.cost is not None
    wrong = replace(saved.receipt, cost=saved.receipt.cost + Decimal("1e-9"))
    again = recomputed(replace(saved, receipt=wrong), [output], READER)
    assert len(again.differences) == 1


def test_nothing_comes_to_nothing(tmp_path: Path) -> None:
    empty = written(tmp_path, [])
    saved = receipt_for(tmp_path, empty)
    assert saved.receipt.state == "no_usage"
    assert recomputed(saved, [empty], READER).agrees


def test_two_files_of_one_account_may_be_on_several_receipts(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))])
    first = receipt_for(tmp_path, output)
    late = written(tmp_path, [answer(1, MODELS[0], (3, 0, 5))], "late.jsonl")
    second = receipt_for(tmp_path, late)
    both = combined([first.receipt, replace(second.receipt, number=1, kind="adjustment")])
    assert both is not None
    assert recomputed(replace(first, receipt=both), [output, late], READER).agrees


def test_a_receipt_over_several_accounts_is_refused(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))])
    saved = receipt_for(tmp_path, output)
    [item] = saved.receipt.items
    items = (item, replace(item, account="other"))
    with pytest.raises(InputError, match="several accounts \\(mine, other\\)"):
        recomputed(replace(saved, receipt=replace(saved.receipt, items=items)), [output], READER)


@pytest.mark.skipif(not OTHER_DISK.is_dir(), reason="there is no other disk")
def test_files_on_another_disk_are_only_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as name:
        output = written(Path(name), [answer(0, MODELS[0], (10, 0, 10))])
        before = output.read_bytes()
        assert recomputed(receipt_for(tmp_path, output), [output], READER).agrees
        assert output.read_bytes() == before
        assert output.stat().st_nlink == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    saved = receipt_for(tmp_path, written(tmp_path, []))
    with pytest.raises(InputError, match=r"none\.jsonl"):
        recomputed(saved, [tmp_path / "none.jsonl"], READER)


def test_an_events_receipt_can_be_used_too(tmp_path: Path) -> None:
    output = written(tmp_path, [answer(0, MODELS[0], (10, 0, 10))])
    record = receipt_for(tmp_path, output).to_json()
    for name in ("object", "endpoint", "started_at"):
        del record[name]
    saved = SavedReceipt.from_json(record)
    assert (saved.endpoint, saved.started) == ("", float(NOW))
    assert recomputed(saved, [output], READER).agrees
