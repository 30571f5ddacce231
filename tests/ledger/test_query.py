from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from batchyard.errors import InputError
from batchyard.ledger import tables
from batchyard.ledger.database import Database
from batchyard.ledger.query import (
    BatchCount,
    UsageBy,
    UsageGroup,
    Wanted,
    batches,
    files,
    items,
    settlements,
    standing,
    usage,
)

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


async def write(db: Database, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    async with db.writing() as conn:
        for row in rows:
            await conn.execute(insert(table).values(row))


def batch(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "account": "openai",
        "provider": "openai",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "phase": "open",
        "status": "validating",
        "created_at": NOON,
        **changed,
    }


def file(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "purpose": "batch",
        "filename": "in.jsonl",
        "bytes": 3,
        "created_at": NOON,
        **changed,
    }


def settlement(batch_id: str, number: int = 0, **changed: Any) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "number": number,
        "kind": "repricing" if number else "settlement",
        "at": NOON,
        "state": "priced",
        **changed,
    }


def item(batch_id: str, number: int = 0, **changed: Any) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "settlement": 0,
        "number": number,
        "at": NOON,
        "model": "gpt-4o",
        "provider": "openai",
        "account": "openai",
        "tier": "batch",
        "band": "standard",
        "lines": 10,
        "input_tokens": 100,
        "output_tokens": 50,
        "cost_nanos": 1_500_000_000,
        **changed,
    }


async def test_a_list_is_walked_by_key_in_either_order(database: Database) -> None:
    # three were created in the same moment
    made = [("b", 1), ("a", 1), ("c", 1), ("e", 2), ("d", 3)]
    await write(database, tables.batches, [batch(name, created_at=at) for name, at in made])
    in_order = ["a", "b", "c", "e", "d"]
    for order, names in (("asc", in_order), ("desc", in_order[::-1])):
        found, after = [], None
        while True:
            page = await batches(database, Wanted(limit=2, after=after, order=order))  # type: ignore[arg-type]  # one of two
            found += [row.id for row in page.rows]
            after = page.next
            if after is None:
                break
        assert found == names


async def test_what_comes_or_goes_meanwhile_shifts_nothing(database: Database) -> None:
    await write(database, tables.batches, [batch(n, created_at=i) for i, n in enumerate("bdfh")])
    first = await batches(database, Wanted(limit=2))
    async with database.writing() as conn:
        await conn.execute(tables.batches.delete().where(tables.batches.c.id == "d"))
    await write(database, tables.batches, [batch("a", created_at=0.5)])
    rest = await batches(database, Wanted(limit=2, after=first.next))
    assert [row.id for row in (*first.rows, *rest.rows)] == ["b", "d", "f", "h"]


async def test_batches_are_filtered(database: Database) -> None:
    rows = [
        batch("a", owner="me", status="completed", tags=["x", "y"], metadata={"k": "v"}),
        batch("b", owner="me", account="other"),
        batch("c", owner="you", status="completed", created_at=NOON + 1),
    ]
    await write(database, tables.batches, rows)
    assert [one.id for one in (await batches(database, Wanted(owner="me"))).rows] == ["a", "b"]
    assert [one.id for one in (await batches(database, status="completed")).rows] == ["a", "c"]
    assert [one.id for one in (await batches(database, account="other")).rows] == ["b"]
    assert [one.id for one in (await batches(database, Wanted(since=NOON + 1))).rows] == ["c"]
    assert [one.id for one in (await batches(database, Wanted(until=NOON + 1))).rows] == ["a", "b"]
    (found,) = (await batches(database, Wanted(owner="me"), status="completed")).rows
    assert (found.tags, found.metadata, found.team) == (("x", "y"), {"k": "v"}, None)


async def test_files_that_are_gone_are_listed_only_when_asked_for(database: Database) -> None:
    rows = [file("a"), file("b", deleted_at=NOON), file("c", purpose="batch_output")]
    await write(database, tables.files, rows)
    assert [one.id for one in (await files(database)).rows] == ["a", "c"]
    assert [one.id for one in (await files(database, deleted=True)).rows] == ["a", "b", "c"]
    assert [one.id for one in (await files(database, purpose="batch_output")).rows] == ["c"]


async def test_settlements_have_their_money_in_dollars_and_unknown_as_none(
    database: Database,
) -> None:
    await write(database, tables.batches, [batch("a", owner="me"), batch("b", owner="you")])
    rows = [
        settlement("a", cost_nanos=1, priced_nanos=1, outcomes={"ok": 2}, lines=2),
        settlement("a", 1, cost_nanos=None, priced_nanos=0, state="unpriced"),
        settlement("b"),
    ]
    await write(database, tables.settlements, rows)
    first, second = (await settlements(database, Wanted(owner="me"))).rows
    assert (first.cost, first.priced_cost, first.outcomes) == (
        Decimal("1E-9"),
        Decimal("1E-9"),
        {"ok": 2},
    )
    assert (second.cost, second.priced_cost, second.state) == (None, Decimal(0), "unpriced")
    assert [one.number for one in (await settlements(database, kind="repricing")).rows] == [1]
    page = await settlements(database, Wanted(limit=1), batch_id="a")
    page = await settlements(database, Wanted(limit=1, after=page.next), batch_id="a")
    assert [one.number for one in page.rows] == [1]
    assert page.next is None


async def test_items_have_their_tokens_and_rates(database: Database) -> None:
    rates = {"input": "1.25"}
    await write(
        database,
        tables.settlement_items,
        [item("a", 0, rates=rates), item("a", 1, model=None, cost_nanos=None, reason="why")],
    )
    known, unknown = (await items(database, batch_id="a")).rows
    assert (known.tokens["input_tokens"], known.rates, known.cost) == (100, rates, Decimal("1.5"))
    assert (unknown.model, unknown.cost, unknown.rates, unknown.reason) == (None, None, None, "why")


@pytest.mark.parametrize(
    "after", ["?", "e30", "W10", "WyJhIiwgMV0", "WzEsICJhIiwgMl0", "WzEsIDJd", "é"]
)
async def test_a_place_that_was_made_up_is_refused(database: Database, after: str) -> None:
    with pytest.raises(InputError, match="no place"):
        await batches(database, Wanted(after=after))


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_page_has_a_bound(database: Database, limit: int) -> None:
    with pytest.raises(InputError, match="limit"):
        await batches(database, Wanted(limit=limit))


async def lines_by(db: Database, by: UsageBy | None, **part: Any) -> dict[Any, int]:
    return {group.key: group.lines for group in await usage(db, by, **part)}


async def test_usage_is_summed_by_each_key(database: Database) -> None:
    who = {"owner": "me", "team": "blue", "tags": ["nightly", "eval"]}
    await write(
        database,
        tables.settlement_items,
        [
            item("a", 0, lines=1, **who),
            item("a", 1, lines=2, model="gpt-4o-mini", **who),
            item("b", lines=4, account="azure", at=NOON + DAY, owner="you", tags=["eval"]),
            item("c", lines=8, model=None, at=NOON + 12 * 3600 - 1),
        ],
    )
    assert await lines_by(database, "model") == {None: 8, "gpt-4o": 5, "gpt-4o-mini": 2}
    assert await lines_by(database, "owner") == {"": 8, "me": 3, "you": 4}
    assert await lines_by(database, "team") == {None: 12, "blue": 3}
    assert await lines_by(database, "account") == {"openai": 11, "azure": 4}
    assert await lines_by(database, "tag") == {None: 8, "nightly": 3, "eval": 7}
    assert await lines_by(database, "day") == {date(2026, 11, 3): 11, date(2026, 11, 4): 4}
    assert await lines_by(database, None) == {None: 15}
    assert await lines_by(database, "owner", owner="me") == {"me": 3}
    assert await lines_by(database, "owner", since=NOON, until=NOON + 1) == {"me": 3}


async def total(db: Database) -> UsageGroup:
    (group,) = await usage(db)
    return group


async def test_what_has_no_price_is_kept_apart_and_never_counted_as_nothing(
    database: Database,
) -> None:
    unknown = item("a", 1, lines=3, unknown_lines=1, cost_nanos=None, reason="no price")
    await write(database, tables.settlement_items, [item("a", 0), unknown])
    found = await total(database)
    assert found.cost is None
    assert found.priced_cost == Decimal("1.5")
    assert (found.lines, found.unknown_lines, found.unpriced_lines) == (13, 1, 3)
    assert found.unpriced_tokens == 150
    assert found.tokens["input_tokens"] == 200
    assert found.batches == 1


async def test_new_prices_and_late_lines_count_once(database: Database) -> None:
    taken_back = item(
        "a", 0, settlement=1, lines=-10, input_tokens=-100, output_tokens=-50, cost_nanos=None
    )
    await write(
        database,
        tables.settlement_items,
        [
            item("a", 0, cost_nanos=None, reason="no price yet"),
            taken_back,
            item("a", 1, settlement=1, cost_nanos=2_000_000_001),
            item("a", 0, settlement=2, lines=1, input_tokens=7, output_tokens=0, cost_nanos=7),
        ],
    )
    found = await total(database)
    assert found.cost == Decimal("2.000000008")
    assert (found.lines, found.batches, found.tokens["input_tokens"]) == (11, 1, 107)


async def test_without_usage_there_are_no_groups(database: Database) -> None:
    for by in (None, "model", "tag", "day"):
        assert await usage(database, by) == []


async def test_the_sums_of_large_ledgers_are_exact(database: Database) -> None:
    # beyond what a float can hold to the last digit
    large = 2**53 + 1
    await write(
        database,
        tables.settlement_items,
        [item("a", n, cost_nanos=large, input_tokens=large) for n in range(3)],
    )
    found = await total(database)
    assert found.tokens["input_tokens"] == 3 * large
    assert found.cost == Decimal(3 * large).scaleb(-9)


async def test_what_is_under_way_is_counted_and_what_is_stalled(database: Database) -> None:
    made = [
        batch("a", status="in_progress", created_at=NOON + 1),
        batch("b", status="in_progress"),
        batch("c", status="completed", phase="settled"),
        batch("d", account="eu", provider="azure"),
    ]
    await write(database, tables.batches, made)
    job = {"number": 0, "account": "openai", "provider": "openai", "created_at": NOON}
    jobs = [
        {
            **job,
            "id": "ja",
            "batch_id": "a",
            "marker": "a",
            "state": "tracking",
            "stalled_at": NOON,
        },
        {**job, "id": "jb", "batch_id": "b", "marker": "b", "state": "tracking"},
        {**job, "id": "jc", "batch_id": "c", "marker": "c", "state": "ended", "stalled_at": NOON},
    ]
    await write(database, tables.jobs, jobs)
    found = await standing(database)
    assert found.stalled == {"openai": 1}
    counts = {(one.account, one.status): (one.batches, one.oldest) for one in found.batches}
    assert counts == {
        ("eu", "validating"): (1, NOON),
        ("openai", "completed"): (1, NOON),
        ("openai", "in_progress"): (2, NOON),
    }
    assert isinstance(found.batches[0], BatchCount)
