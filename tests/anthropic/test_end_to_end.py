"""Whole batches through client, ledger and gateway, and what they come to in money."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.lines import decode_result
from batchyard.testing import Emulated, EndToEndSuite, ManualClock
from batchyard_anthropic._lines import result_line
from batchyard_anthropic._usage import read_usage
from tests.anthropic.goldens import message
from tests.anthropic.lines import CHAT, chat_line, jsonl
from tests.ledger.conftest import sqlite_template

__all__ = ["sqlite_template"]

TODAY = 1_795_910_400.0
"""2026-11-29: since then the book has prices."""


class TestAnthropicEndToEnd(EndToEndSuite):
    provider = "anthropic"


def test_a_batch_is_settled_to_the_cent_with_what_was_cached_counted_once(tmp_path: Path) -> None:
    cached = [
        {
            "role": "system",
            "content": [
                {
                    "type": "text",
                    "text": "one two three four five six seven",
                    "cache_control": {"type": "ephemeral"},
                }
            ],
        },
        {"role": "user", "content": "eight"},
    ]
    lines = jsonl(
        chat_line("plain", "one two three"),
        chat_line("cached", messages=cached),
        chat_line("bad", max_tokens=1_000_000),
    )
    with Emulated("anthropic", ManualClock(TODAY)) as place:
        client = place.client(ledger=tmp_path / "ledger.db")
        batch = client.batches.create(client.files.create(lines), CHAT)
        batch = client.batches.wait(batch)
        receipt = client.batches.cost(batch)
        used = {one.custom_id: one.usage for one in client.batches.results(batch)}
    assert receipt.proof.complete
    assert receipt.proof.outcomes == {"ok": 2, "error": 1}
    plain, warm = used["plain"], used["cached"]
    assert plain is not None
    assert warm is not None
    # 8 words and 3 tokens around them, of which 4 are cached: 2 were there, 2 are new
    assert (plain.input_tokens, plain.cached_tokens) == (6, 0)
    assert (warm.input_tokens, warm.cached_tokens, warm.cache_write_tokens) == (11, 2, 2)
    (item,) = receipt.items
    assert (receipt.state, item.lines) == ("priced", 2)
    # Claude Haiku 4.5 in batches: 0.50, 2.50, 0.05 and 0.625 dollars for a million
    out = plain.output_tokens + warm.output_tokens
    wanted = (13 * Decimal("0.5") + 2 * Decimal("0.05") + 2 * Decimal("0.625")) / 10**6
    assert receipt.cost == wanted + out * Decimal("2.5") / 10**6


@pytest.mark.parametrize("model", ["claude-of-tomorrow"])
def test_a_model_without_a_price_is_unpriced_and_says_so(tmp_path: Path, model: str) -> None:
    with Emulated("anthropic", ManualClock(TODAY)) as place:
        client = place.client(ledger=tmp_path / "ledger.db")
        file = client.files.create(jsonl(chat_line("a", model=model)))
        batch = client.batches.wait(client.batches.create(file, CHAT))
        receipt = client.batches.cost(batch)
    assert (receipt.state, receipt.cost) == ("unpriced", None)
    (item,) = receipt.items
    assert item.usage.input_tokens > 0
    assert item.reason


def test_native_lines_pass_through_and_their_answers_come_back_as_messages() -> None:
    messages = "/v1/messages"
    line = {
        "custom_id": "größe/1",
        "method": "POST",
        "url": messages,
        "body": {
            "model": "claude-haiku-4-5",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "Say hello."}],
        },
    }
    with Emulated("anthropic") as place:
        client = place.client()
        batch = client.batches.create(client.files.create(jsonl(line)), messages)
        batch = client.batches.wait(batch)
        (row,) = client.files.content(batch.output_file_id or "").read().splitlines()
        (result,) = client.batches.results(batch)
    found = json.loads(row)
    assert found["custom_id"] == "größe/1"
    assert found["response"]["body"]["content"][0]["text"].startswith("You said")
    assert result.usage is not None
    assert result.usage.input_tokens == 5


@pytest.mark.parametrize(
    "more",
    [
        {"cache_creation": {"ephemeral_1h_input_tokens": 5}},
        {"server_tool_use": {"web_search_requests": 1}},
        {"inference_geo": "us"},
        {"speed": "fast"},
    ],
)
def test_what_costs_more_than_its_tokens_say_has_no_price(more: dict[str, Any]) -> None:
    answer = message(usage={**message()["usage"], **more})
    for endpoint in (CHAT, "/v1/messages"):
        line = decode_result(
            result_line("a", {"type": "succeeded", "message": answer}, endpoint, 0)
        )
        usage = read_usage(line)
        assert usage.input_tokens == 20
        assert usage.model == "claude-haiku-4-5-20251001+"
