"""Budgets: reserved at create, trued up at settlement, and never more than there is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from batchyard.errors import BudgetExceededError, ConfigError, InputError
from batchyard.ledger import BatchOrder, FileOrder, Ledger
from batchyard.ledger.retention import Retention, clean
from batchyard.ledger.tables import reservations
from batchyard.models import Batch, Identity
from batchyard.prices import from_nanos
from batchyard.registry import Registry
from batchyard.steps import BytesSource
from tests.client.requests import chat_lines
from tests.ledger.life.place import CHAT, SQLITE, Place, created, settled

pytestmark = pytest.mark.anyio

ML = Identity("ana", "ml", ("nightly", "blue"), "key_1")


def budget(*budgets: dict[str, Any], **settings: Any) -> tuple[str, object]:
    """The gate that ships with core, as it is configured."""
    return "spend", Registry({}).gate("budget", {"budgets": list(budgets), **settings})


def opened(place: Place, *budgets: dict[str, Any], **settings: Any) -> Any:
    return place.open(place.setup(gates=[budget(*budgets, **settings)]))


async def booked(ledger: Ledger, batch: Batch | None = None) -> dict[str, tuple[str, Decimal]]:
    """What each budget has of a batch, or of the one that there is."""
    async with ledger.parts.db.reading() as connection:
        query = select(reservations)
        if batch is not None:
            query = query.where(reservations.c.batch_id == batch.id)
        rows = (await connection.execute(query)).all()
    return {one.budget: (one.state, from_nanos(one.nanos) or Decimal(0)) for one in rows}


async def expected(place: Place, lines: int = 3) -> Decimal:
    """What a batch is expected to cost."""
    async with opened(place, {"limit": 1000}) as ledger:
        batch = await created(ledger, lines)
        _, amount = (await booked(ledger, batch))["all (month)"]
        await ledger.cancel_batch(batch.id)
        await settled(ledger, batch.id)
        return amount


@SQLITE
async def test_what_a_batch_is_expected_to_cost_is_reserved_and_then_what_it_cost(
    place: Place,
) -> None:
    wanted = (
        {"key": "*", "limit": 1},
        {"owner": "ana", "limit": 1, "period": "day"},
        {"team": "*", "limit": 1},
        {"tag": "nightly", "limit": 1, "period": "total"},
        {"tag": "red", "limit": 0},
        {"team": "sales", "limit": 0},
    )
    async with opened(place, *wanted) as ledger:
        batch = await created(ledger, who=ML)
        reserved = await booked(ledger, batch)
        assert set(reserved) == {
            "key key_1 (month)",
            "owner ana (day)",
            "team ml (month)",
            "tag nightly (total)",
        }
        assert len(set(reserved.values())) == 1
        state, amount = reserved["team ml (month)"]
        assert state == "reserved"
        assert amount > 0
        await settled(ledger, batch.id)
        cost = (await ledger.receipt(batch.id)).cost
        assert cost is not None
        assert 0 < cost < amount
        assert set((await booked(ledger, batch)).values()) == {("settled", cost)}


async def test_many_creates_at_once_never_go_over_the_limit(place: Place) -> None:
    each = await expected(place)
    limit = each * 3 + each / 2
    settings = budget({"team": "ml", "limit": str(limit), "period": "total"})
    async with place.open(place.setup(gates=[settings])) as one:
        file = await one.create_file(BytesSource(chat_lines(3)), FileOrder("in.jsonl"), who=ML)
        async with place.open(place.setup(gates=[settings])) as other:
            orders = [
                ledger.create_batch(BatchOrder(file.id, CHAT), who=ML)
                for ledger in (one, other)
                for _ in range(6)
            ]
            found = await asyncio.gather(*orders, return_exceptions=True)
            made = [one for one in found if isinstance(one, Batch)]
            refused = [one for one in found if isinstance(one, BudgetExceededError)]
            assert (len(made), len(refused)) == (3, 9), found
            error = refused[0]
            assert (error.limit, error.used, error.asked) == (limit, each * 3, each)
        assert len(await _all(one)) == 3


async def _all(ledger: Ledger) -> list[Any]:
    async with ledger.parts.db.reading() as connection:
        query = select(reservations).where(reservations.c.budget == "team ml (total)")
        return list((await connection.execute(query)).all())


@SQLITE
async def test_a_refusal_names_the_budget_and_the_amounts_as_openai_s_errors_do(
    place: Place,
) -> None:
    async with opened(place, {"team": "ml", "limit": "0.000001"}) as ledger:
        with pytest.raises(BudgetExceededError) as refused:
            await created(ledger, who=ML)
    error = refused.value.body["error"]
    assert (refused.value.status, error["code"], error["type"]) == (
        402,
        "budget_exceeded",
        "insufficient_quota",
    )
    assert error["budget"]["name"] == "team ml (month)"
    assert error["budget"]["limit"] == "0.000001000"
    assert "'team ml (month)'" in error["message"]
    assert "$0.000001" in error["message"]
    async with opened(place, {"limit": 1}) as ledger:
        assert await booked(ledger) == {}


@SQLITE
async def test_what_ends_without_cost_gives_its_reservation_back(place: Place) -> None:
    each = await expected(place)
    async with opened(place, {"limit": str(each)}) as ledger:
        first = await created(ledger)
        with pytest.raises(BudgetExceededError):
            await created(ledger)
        await ledger.cancel_batch(first.id)
        await settled(ledger, first.id)
        assert await booked(ledger, first) == {"all (month)": ("released", Decimal(0))}
        await created(ledger)


@SQLITE
async def test_a_model_without_a_price_is_refused_unless_that_is_allowed(place: Place) -> None:
    strange = chat_lines(1).replace(b"gpt-4.1-mini", b"nobody-knows")
    assert strange != chat_lines(1), "the requests of tests ask for another model now"
    async with opened(place, {"team": "ml", "limit": 5}) as ledger:
        with pytest.raises(InputError, match=r"'nobody-knows'.*'team ml \(month\)'") as refused:
            await created(ledger, strange, who=ML)
        assert refused.value.code == "unpriced_model"
    async with opened(place, {"team": "ml", "limit": 5, "allow_unpriced": True}) as ledger:
        batch = await created(ledger, strange, who=ML)
        assert await booked(ledger, batch) == {"team ml (month)": ("reserved", Decimal(0))}


@SQLITE
async def test_a_cost_that_nobody_knows_at_the_end_counts_as_what_was_reserved(
    place: Place,
) -> None:
    stated = {"gpt-4.1-mini": {"input": 2, "output": 8}}
    priced = place.setup(accounts=[place.served(prices=stated)], gates=[budget({"limit": 9})])
    async with place.open(priced) as ledger:
        batch = await created(ledger)
        before = await booked(ledger, batch)
        _no_prices(ledger)
        await settled(ledger, batch.id)
        assert (await ledger.receipt(batch.id)).cost is None
        assert await booked(ledger, batch) == {"all (month)": ("settled", before["all (month)"][1])}
    async with place.open(priced) as ledger:
        changed = await ledger.reprice(batch.id)
        assert changed is not None
        cost = (await ledger.receipt(batch.id)).cost
        assert cost is not None
        assert await booked(ledger, batch) == {"all (month)": ("settled", cost)}


def _no_prices(ledger: Ledger) -> None:
    ledger.parts.prices._sources = ()
    ledger.parts.prices._kept = {}


@SQLITE
async def test_a_period_counts_what_was_created_in_it(place: Place) -> None:
    each = await expected(place)
    async with opened(place, {"limit": str(each * 3 / 2), "period": "day"}) as ledger:
        await created(ledger)
        with pytest.raises(BudgetExceededError):
            await created(ledger)
        place.clock.advance(86_400)
        await created(ledger)


@SQLITE
async def test_what_is_forgotten_of_a_batch_still_counts(place: Place) -> None:
    async with opened(place, {"limit": 1, "period": "total"}) as ledger:
        batch = await created(ledger)
        await settled(ledger, batch.id)
        kept = await booked(ledger, batch)
        place.clock.advance(10)
        parts = ledger.parts
        await ledger.outbox.flush()
        done = await clean(parts.db, parts.store, Retention(batches=1.0, usage=1.0))
        assert done.batches == 1
        assert await booked(ledger, batch) == kept


@SQLITE
async def test_under_an_idempotency_key_it_is_paid_once(place: Place) -> None:
    each = await expected(place)
    async with opened(place, {"limit": str(each)}) as ledger:
        file = await ledger.create_file(BytesSource(chat_lines(3)), FileOrder("in.jsonl"))
        order = BatchOrder(file.id, CHAT, idempotency_key="monday")
        made = await asyncio.gather(*(ledger.create_batch(order) for _ in range(4)))
        assert len({one.id for one in made}) == 1
        assert (await booked(ledger))["all (month)"] == ("reserved", each)


@pytest.mark.parametrize(
    "budgets",
    [[], [{"team": "a", "key": "b", "limit": 1}], [{"limit": -1}], [{"limit": 1}, {"limit": 2}]],
)
def test_settings_that_make_no_budget_are_refused(budgets: Any) -> None:
    with pytest.raises(ConfigError, match="budget"):
        budget(*budgets)
