"""Receipts as rows, and what several of one batch come to together.

An adjustment's items are differences.  A repricing takes back the items it
replaces (their figures below zero) and writes them anew, so that a sum over all
items is right whatever has happened since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.records import whose
from batchyard.ledger.tables import settlement_items, settlements
from batchyard.models import CostItem, CostState, Identity, Proof, Receipt, Usage
from batchyard.prices import (
    difference,
    from_nanos,
    nanos,
    rates_from_record,
    rates_record,
    total,
)

__all__ = ["combined", "merged", "read", "reversed_items", "write"]

TOKENS = tuple(one.name for one in fields(Usage) if one.name.endswith("_tokens"))


async def write(
    connection: AsyncConnection, receipts: Sequence[Receipt], **digests: str | None
) -> None:
    """Write receipts and their items, in two statements.

    A second settlement of a batch breaks its key, and raises
    :class:`sqlalchemy.exc.IntegrityError`.
    """
    await connection.execute(insert(settlements), [{**_row(one), **digests} for one in receipts])
    items = [row for one in receipts for row in _items(one)]
    if items:
        await connection.execute(insert(settlement_items), items)


def _row(receipt: Receipt) -> dict[str, Any]:
    return {
        "batch_id": receipt.batch_id,
        "number": receipt.number,
        "kind": receipt.kind,
        "at": receipt.at,
        "state": receipt.state,
        "cost_nanos": nanos(receipt.cost),
        "priced_nanos": nanos(receipt.priced_cost),
        "price_version": receipt.price_version,
        "lines": receipt.proof.lines,
        "outcomes": dict(receipt.proof.outcomes),
        "duplicates": receipt.proof.duplicates,
        "strangers": receipt.proof.strangers,
        "malformed": receipt.proof.malformed,
    }


def _items(receipt: Receipt) -> Iterable[dict[str, Any]]:
    who = receipt.identity
    for number, item in enumerate(receipt.items):
        rates = item.rates
        yield {
            "batch_id": receipt.batch_id,
            "settlement": receipt.number,
            "number": number,
            "at": receipt.at,
            **whose(who),
            "model": item.model,
            "provider": item.provider,
            "account": item.account,
            "tier": item.tier,
            "band": item.band,
            "lines": item.lines,
            "unknown_lines": item.unknown_lines,
            **{name: getattr(item.usage, name) for name in TOKENS},
            "rates": None if rates is None else rates_record(rates),
            "cost_nanos": nanos(item.cost),
            "reason": item.reason,
        }


async def read(connection: AsyncConnection, batch_id: str, who: Identity) -> list[Receipt]:
    """The batch's receipts: its settlement, and what came later."""
    query = settlements.select().where(settlements.c.batch_id == batch_id)
    heads = (await connection.execute(query.order_by(settlements.c.number))).mappings().all()
    of_batch = select(settlement_items).where(settlement_items.c.batch_id == batch_id)
    order = (settlement_items.c.settlement, settlement_items.c.number)
    rows = (await connection.execute(of_batch.order_by(*order))).mappings().all()
    return [
        _receipt(head, [one for one in rows if one["settlement"] == head["number"]], who)
        for head in heads
    ]


def _receipt(head: RowMapping, rows: Sequence[RowMapping], who: Identity) -> Receipt:
    proof = Proof(
        head["lines"],
        head["outcomes"],
        head["duplicates"],
        head["strangers"],
        head["malformed"],
    )
    return Receipt(
        batch_id=head["batch_id"],
        number=head["number"],
        kind=head["kind"],
        at=head["at"],
        state=head["state"],
        items=tuple(_item(one) for one in rows),
        proof=proof,
        cost=from_nanos(head["cost_nanos"]),
        priced_cost=from_nanos(head["priced_nanos"]) or Decimal(0),
        price_version=head["price_version"],
        identity=who,
    )


def _item(row: RowMapping) -> CostItem:
    usage = Usage(**{name: row[name] for name in TOKENS}, known=not row["unknown_lines"])
    return CostItem(
        model=row["model"],
        provider=row["provider"],
        account=row["account"],
        tier=row["tier"],
        band=row["band"],
        lines=row["lines"],
        usage=usage,
        unknown_lines=row["unknown_lines"],
        rates=None if row["rates"] is None else rates_from_record(row["rates"]),
        cost=from_nanos(row["cost_nanos"]),
        reason=row["reason"],
    )


def combined(receipts: Sequence[Receipt]) -> Receipt | None:
    """What a batch's receipts come to together; ``None`` where there are none."""
    if len(receipts) < 2:
        return receipts[0] if receipts else None
    last = receipts[-1]
    items = merged(item for one in receipts for item in one.items)
    priced = total(one.cost for one in items if one.cost is not None)
    proof = next(one.proof for one in reversed(receipts) if one.kind != "repricing")
    return replace(
        last,
        kind="settlement",
        state=_state_of(items),
        items=items,
        proof=proof,
        cost=priced if all(one.cost is not None for one in items) else None,
        priced_cost=priced,
    )


def _state_of(items: Sequence[CostItem]) -> CostState:
    if any(one.cost is None for one in items):
        return "unpriced"
    used = any(one.usage.total_tokens or one.unknown_lines for one in items)
    return "priced" if used else "no_usage"


def merged(items: Iterable[CostItem]) -> tuple[CostItem, ...]:
    """One item for each model, tier, band and rates; those that come to nothing are left out."""
    by_key: dict[Any, CostItem] = {}
    for item in items:
        key = (
            *(item.model, item.provider, item.account, item.tier, item.band),
            *(item.rates, item.cost is None),
        )
        known = by_key.get(key)
        by_key[key] = item if known is None else _sum(known, item)
    return tuple(one for one in by_key.values() if one.lines or one.cost or _counts(one))


def _counts(item: CostItem) -> bool:
    """Whether any of its figures is left, since tokens of one kind may be another's now."""
    return any(getattr(item.usage, name) for name in TOKENS) or item.unknown_lines != 0


def _sum(one: CostItem, other: CostItem) -> CostItem:
    unknown = one.unknown_lines + other.unknown_lines
    costs = (one.cost, other.cost)
    return replace(
        one,
        lines=one.lines + other.lines,
        unknown_lines=unknown,
        usage=replace(one.usage + other.usage, known=not unknown),
        cost=None if None in costs else total(one for one in costs if one is not None),
    )


def reversed_items(items: Iterable[CostItem]) -> tuple[CostItem, ...]:
    """The items taken back: every figure below zero."""
    return tuple(
        replace(
            one,
            lines=-one.lines,
            unknown_lines=-one.unknown_lines,
            usage=replace(one.usage, **{name: -getattr(one.usage, name) for name in TOKENS}),
            cost=None if one.cost is None else difference(Decimal(0), one.cost),
        )
        for one in items
    )
