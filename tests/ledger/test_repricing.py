"""New prices for what is settled: differences, so that every sum stays right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.ledger import Ledger, Setup
from batchyard.ledger.query import Wanted, items, usage
from batchyard.ledger.tables import batches
from batchyard.models import Receipt
from batchyard.testing import ManualClock
from tests.client.requests import chat_lines
from tests.ledger.life.place import Place, change, created, rewritten, settled, told
from tests.ledger.life.test_odd_results import end_at_provider, without_last_line

pytestmark = pytest.mark.anyio

MINI, NANO = "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14"
DEAR = {"input": 10, "output": 100}
LONG = {
    **DEAR,
    "long_context": {"input": 20, "output": 200},
    "long_context_above": 100_000,
}


@pytest.fixture
def place(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    made = Place(database_url, tmp_path, clock)
    yield made
    made.close()


def at(place: Place, prices: Mapping[str, Any] | None = None, **settings: Any) -> Setup:
    return place.setup(accounts=[place.served(prices=prices, **settings)])


async def settled_at(place: Place, lines: int | bytes = 3, setup: Setup | None = None) -> str:
    async with place.open(setup or at(place)) as ledger:
        batch = await created(ledger, lines)
        await settled(ledger, batch.id)
        return batch.id


def cost_at(receipt: Receipt, prices: Mapping[str, int]) -> Decimal:
    used = receipt.usage
    total = used.input_tokens * prices["input"] + used.output_tokens * prices["output"]
    return Decimal(total) / 1_000_000


async def sums_are_right(ledger: Ledger, batch_id: str) -> None:
    """What all receipts and all reports add up to is what the batch comes to."""
    whole = await ledger.receipt(batch_id)
    receipts: Sequence[Receipt] = await ledger.receipts(batch_id)
    (total,) = await usage(ledger.parts.db)
    by_model = await usage(ledger.parts.db, "model")
    rows = (await items(ledger.parts.db, Wanted(limit=1000))).rows
    assert sum(one.priced_cost for one in receipts) == whole.priced_cost == total.priced_cost
    assert sum(one.cost or 0 for one in rows) == total.priced_cost
    assert total.cost == whole.cost
    assert (total.batches, total.lines) == (1, sum(one.lines for one in whole.items))
    for name, count in total.tokens.items():
        assert count == getattr(whole.usage, name) == sum(one.tokens[name] for one in by_model)
        assert count == sum(getattr(one.usage, name) for one in receipts)
    for group in by_model:
        priced = [one.cost or 0 for one in whole.items if one.model == group.key]
        assert group.priced_cost == sum(priced)


async def test_the_same_prices_write_nothing(place: Place) -> None:
    batch_id = await settled_at(place)
    async with place.open(at(place)) as ledger:
        assert await ledger.reprice(batch_id) is None
        assert len(await ledger.receipts(batch_id)) == 1
        await sums_are_right(ledger, batch_id)


async def test_new_prices_are_a_difference_and_an_event(place: Place) -> None:
    batch_id = await settled_at(place)
    async with place.open(at(place, {MINI: DEAR})) as ledger:
        (first,) = await ledger.receipts(batch_id)
        assert first.cost is not None
        changed = await ledger.reprice(batch_id)
        assert changed is not None
        assert (changed.kind, changed.number) == ("repricing", 1)
        assert changed.cost == changed.priced_cost == cost_at(first, DEAR) - first.cost
        assert (changed.usage.input_tokens, changed.usage.output_tokens) == (0, 0)
        assert (await ledger.receipts(batch_id))[0] == first
        whole = await ledger.receipt(batch_id)
        assert (whole.cost, whole.state) == (cost_at(first, DEAR), "priced")
        assert whole.proof == first.proof
        assert whole.items[0].rates is not None
        assert whole.items[0].rates.basis == "override"
        event = (await told(ledger, batch_id))[-1]
        assert (event.hook, event.receipt) == ("batch_repriced", changed)
        await sums_are_right(ledger, batch_id)


async def test_what_is_repriced_is_not_repriced_again_by_the_same_prices(place: Place) -> None:
    """Whichever of its models has another price now."""
    lines = chat_lines(2) + chat_lines(2, prefix="n")
    emulator = place.emulate()
    async with place.open(at(place)) as ledger:
        batch = await created(ledger, lines)
        await ledger.tracker.step()
        rewritten(emulator, _nano_for_n)
        await settled(ledger, batch.id)
        assert {one.model for one in (await ledger.receipt(batch.id)).items} == {MINI, NANO}
    for number, prices in enumerate(({MINI: DEAR}, {MINI: DEAR, NANO: DEAR}, {NANO: DEAR}, {}), 1):
        async with place.open(at(place, prices)) as ledger:
            assert await ledger.reprice(batch.id) is not None
            assert await ledger.reprice(batch.id) is None
            assert len(await ledger.receipts(batch.id)) == 1 + number
            await sums_are_right(ledger, batch.id)
    async with place.open(at(place)) as ledger:
        assert (await ledger.receipt(batch.id)).cost == (await ledger.receipts(batch.id))[0].cost


def _nano_for_n(row: dict[str, Any]) -> None:
    if row["custom_id"].startswith("n"):
        row["response"]["body"]["model"] = NANO


async def test_what_had_no_price_gets_the_one_that_is_known_now(place: Place) -> None:
    emulator = place.emulate()
    async with place.open(at(place)) as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        rewritten(emulator, lambda row: row["response"]["body"].update(model="house-1"))
        await settled(ledger, batch.id)
        first = await ledger.receipt(batch.id)
        assert (first.state, first.cost) == ("unpriced", None)
        assert first.priced_cost == 0
        (group,) = await usage(ledger.parts.db)
        assert (group.cost, group.unpriced_lines) == (None, 3)
    async with place.open(at(place, {"house-1": DEAR})) as ledger:
        changed = await ledger.reprice(batch.id)
        assert changed is not None
        assert changed.priced_cost == cost_at(first, DEAR)
        whole = await ledger.receipt(batch.id)
        assert (whole.state, whole.cost) == ("priced", cost_at(first, DEAR))
        (group,) = await usage(ledger.parts.db)
        assert (group.cost, group.unpriced_lines, group.unpriced_tokens) == (whole.cost, 0, 0)
        await sums_are_right(ledger, batch.id)


async def test_a_new_threshold_is_held_against_each_stored_line(place: Place) -> None:
    """Which the receipt does not tell any more: it had one band."""
    emulator = place.emulate()
    sizes = iter((90_000, 110_000, 120_000))

    def resize(row: dict[str, Any]) -> None:
        row["response"]["body"]["usage"] = {"prompt_tokens": next(sizes), "completion_tokens": 10}

    async with place.open(at(place)) as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        rewritten(emulator, resize)
        await settled(ledger, batch.id)
    async with place.open(at(place, {MINI: LONG})) as ledger:
        assert await ledger.reprice(batch.id) is not None
        whole = await ledger.receipt(batch.id)
        # 90,000 * 10 + 10 * 100; 230,000 * 20 + 20 * 200
        found = {one.band: one.cost for one in whole.items}
        assert found == {"standard": Decimal("0.901"), "long": Decimal("4.604")}
        await sums_are_right(ledger, batch.id)
    async with place.open(at(place, {MINI: DEAR})) as ledger:
        await forget_files(ledger, batch.id)
        assert await ledger.reprice(batch.id) is not None
        assert (await ledger.receipt(batch.id)).cost == Decimal("3.203")
        await sums_are_right(ledger, batch.id)


async def forget_files(ledger: Ledger, batch_id: str) -> None:
    """Then its receipt is all that is left."""
    batch = await ledger.batch(batch_id)
    for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
        ledger.parts.store.delete_all(file_id)


@pytest.mark.parametrize("told_of_it", [True, False], ids=["with usage", "without usage"])
async def test_answers_that_belong_to_no_line_are_not_forgotten(
    place: Place, *, told_of_it: bool
) -> None:
    """They were paid for, and are in no result file."""
    emulator = place.emulate(quirks=["stranger-row"])

    def silent(row: dict[str, Any]) -> None:
        if not told_of_it and not row["custom_id"].startswith("r-"):
            del row["response"]["body"]["usage"]

    async with place.open(at(place)) as ledger:
        batch = await created(ledger)
        await ledger.tracker.step()
        rewritten(emulator, silent)
        await settled(ledger, batch.id)
        first = await ledger.receipt(batch.id)
        assert first.proof.strangers == 1
        assert sum(one.lines for one in first.items) == 4
        assert (first.cost is None) == (not told_of_it)
    async with place.open(at(place, {MINI: DEAR})) as ledger:
        assert await ledger.reprice(batch.id) is not None
        whole = await ledger.receipt(batch.id)
        assert sum(one.lines for one in whole.items) == 4
        assert whole.usage == first.usage
        assert whole.priced_cost == cost_at(first, DEAR)
        assert whole.state == ("priced" if told_of_it else "unpriced")
        await sums_are_right(ledger, batch.id)


async def test_a_data_zone_stays_one_without_the_files(place: Place) -> None:
    """The results name a model, and only the request which deployment that was."""
    place.emulate("azure", deployments={"five-eu": "gpt-4.1-mini", "five": "gpt-4.1-mini"})
    zone = {"name": "five-eu", "base_model": "gpt-4.1-mini", "type": "DataZoneBatch"}
    world = {"name": "five", "base_model": "gpt-4.1-mini"}
    deployments = {"eu-model": zone, "gpt-4.1-mini": world}
    setup = place.setup(accounts=[place.served("azure", deployments=deployments)])
    async with place.open(setup) as ledger:
        batch = await created(ledger, chat_lines(2, model="eu-model"))
        await settled(ledger, batch.id)
        first = await ledger.receipt(batch.id)
        assert first.state == "priced", first.items
        await forget_files(ledger, batch.id)
        assert await ledger.reprice(batch.id) is None
        assert (await ledger.receipt(batch.id)).cost == first.cost


async def test_a_late_line_after_a_repricing_adds_up(place: Place) -> None:
    emulator = place.emulate()
    async with place.open(at(place), grace=120.0) as ledger:
        batch = await created(ledger, 5)
        await ledger.tracker.step()
        end_at_provider(emulator, place.clock)
    with without_last_line(emulator):
        async with place.open(at(place), grace=120.0) as ledger:
            await settled(ledger, batch.id)
            assert (await ledger.receipt(batch.id)).proof.outcomes == {"ok": 4, "missing": 1}
        async with place.open(at(place, {MINI: DEAR})) as ledger:
            assert await ledger.reprice(batch.id) is not None
            await sums_are_right(ledger, batch.id)
    async with place.open(at(place, {MINI: DEAR})) as ledger:
        await change(ledger, batches, batch.id, next_at=place.clock.now())
        await ledger.tracker.step()
        kinds = [one.kind for one in await ledger.receipts(batch.id)]
        assert kinds == ["settlement", "repricing", "adjustment"]
        whole = await ledger.receipt(batch.id)
        assert whole.proof.outcomes == {"ok": 5}
        assert whole.cost == cost_at(whole, DEAR)
        await sums_are_right(ledger, batch.id)
        assert await ledger.reprice(batch.id) is None
