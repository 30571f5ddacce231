"""Costs worked out by hand of batches that ended before all was done."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchyard.prices import PriceSources, UsageRow, price_usage
from batchyard.registry import Account
from tests.prices.conftest import NOVEMBER, dollars
from tests.settlement.files import Desk, answer, not_run, request

MODEL = "gpt-4.1-mini-2025-04-14"


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_what_was_answered_before_the_end_is_billed_and_nothing_else(
    tmp_path: Path, sources: PriceSources, openai: Account, status: str
) -> None:
    desk = Desk(tmp_path)
    output = [answer("a", 1_000, 100, model=MODEL), answer("b", 2_000, 300, model=MODEL)]
    errors = [not_run("c", f"batch_{status}")]
    # of "d" nothing is said at all
    settled = desk.settle(
        [request(one) for one in "abcd"], desk.job(output, errors, status=status)
    ).settled
    assert settled.proof.outcomes == {"ok": 2, status: 2}
    rows = [
        UsageRow(key.model, "m", key.bucket, key.day, one.lines, one.unknown_lines, one.usage)
        for key, one in settled.usages.items()
    ]
    priced = price_usage(rows, sources, openai, NOVEMBER)
    # 3,000 * 0.20 + 400 * 0.80 = 600 + 320
    assert priced.cost == dollars("0.00092")
    assert [one.lines for one in priced.items] == [2]
