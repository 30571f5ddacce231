"""What the ledger adds up: nothing is lost, and nothing is too much for its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from batchyard.ledger.query import usage
from batchyard.ledger.receipts import combined, merged, reversed_items
from batchyard.models import CostItem, Proof, Rates, Receipt, Usage
from batchyard.testing import ManualClock
from tests.ledger.life.place import Place, created, rewritten, settled

RATES = Rates(Decimal(1), Decimal(2), cached_input=Decimal("0.1"))
ITEM = CostItem(
    "m",
    "openai",
    "openai",
    "batch",
    "standard",
    1,
    Usage(100, 10),
    rates=RATES,
    cost=Decimal("0.00012"),
)


@pytest.fixture
def place(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    made = Place(database_url, tmp_path, clock)
    yield made
    made.close()


@pytest.mark.anyio
@pytest.mark.parametrize("tokens", [2**40, 2**53, 2**62])
async def test_counts_beyond_belief_are_settled_without_a_price(place: Place, tokens: int) -> None:
    emulator = place.emulate()

    def inflate(row: dict[str, Any]) -> None:
        row["response"]["body"]["usage"] = {"prompt_tokens": tokens, "completion_tokens": tokens}

    dear = {"gpt-4.1-mini-2025-04-14": {"input": 1000, "output": 1000}}
    async with place.open(place.setup(accounts=[place.served(prices=dear)])) as ledger:
        batch = await created(ledger, 20)
        await ledger.tracker.step()
        rewritten(emulator, inflate)
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        receipt = await ledger.receipt(batch.id)
        assert (receipt.state, receipt.cost) == ("unpriced", None)
        assert receipt.proof.complete
        (group,) = await usage(ledger.parts.db, "model")
        assert (group.cost, group.lines, group.unpriced_lines) == (None, 20, 20)


def test_an_item_taken_back_leaves_nothing() -> None:
    assert merged([ITEM, *reversed_items([ITEM])]) == ()


def test_what_is_left_of_an_item_is_kept_though_its_lines_and_tokens_cancel() -> None:
    """Tokens that were plain and are cached now cost less."""
    cached = replace(ITEM, usage=Usage(100, 10, cached_tokens=100), cost=Decimal("0.00003"))
    (left,) = merged([cached, *reversed_items([ITEM])])
    assert (left.lines, left.usage.cached_tokens, left.cost) == (0, 100, Decimal("-0.00009"))


def test_receipts_add_up_in_any_context() -> None:
    first = _receipt(ITEM, cost=Decimal("1234567.123456789"))
    second = replace(_receipt(ITEM, cost=Decimal("0.000000001")), number=1, kind="adjustment")
    with localcontext(Context(prec=3)):
        whole = combined([first, second])
        assert whole is not None
        assert whole.cost == whole.priced_cost == Decimal("1234567.123456790")
        nothing = combined([first, replace(_taken_back(first), number=1)])
        assert nothing is not None
        assert nothing.cost == 0
        assert nothing.items == ()


def test_a_batch_of_which_nothing_was_used_is_not_called_priced() -> None:
    nothing = replace(ITEM, usage=Usage(), cost=Decimal(0))
    first = replace(_receipt(nothing, cost=Decimal(0)), state="no_usage")
    whole = combined([first, replace(first, number=1, kind="repricing", items=())])
    assert whole is not None
    assert whole.state == "no_usage"


def _receipt(item: CostItem, cost: Decimal) -> Receipt:
    items = (replace(item, cost=cost),)
    return Receipt(
        "batch_1", 0, "settlement", 0.0, "priced", items, Proof(1, {"ok": 1}), cost, cost
    )


def _taken_back(receipt: Receipt) -> Receipt:
    return replace(receipt, kind="repricing", items=reversed_items(receipt.items))
