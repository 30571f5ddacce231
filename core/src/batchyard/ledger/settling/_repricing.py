"""New prices for batches that are settled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from math import inf

from batchyard.ledger.budgets import true_up
from batchyard.ledger.parts import Parts, transaction
from batchyard.ledger.receipts import TOKENS, combined, merged, read, reversed_items, write
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.settling._pricing import started_of
from batchyard.ledger.settling._recording import event_with
from batchyard.ledger.settling._recounting import recounted
from batchyard.ledger.store import StoreMissingError
from batchyard.models import CostItem, Receipt
from batchyard.prices import Priced, UsageRow, difference, price_usage, repriced
from batchyard.prices import combined as all_of

__all__ = ["reprice"]


async def reprice(parts: Parts, batch_id: str) -> Receipt | None:
    """Price a settled batch anew; the difference, or ``None`` where there is none.

    What was settled stays as it was: the difference is a record of its own.
    """
    async with transaction(parts) as tx:
        batch = await tx.batch(batch_id)
        jobs = await tx.jobs(batch_id)
    rows = await _rows(parts, batch, jobs)
    async with transaction(parts) as tx:
        batch = await tx.batch(batch_id)
        before = await read(tx.connection, batch_id, batch.identity)
        known = combined(before)
        if known is None:
            return None
        priced = all_of(_again(parts, known, jobs, rows))
        if _same(known, priced):
            return None
        items = merged([*priced.items, *reversed_items(known.items)])
        receipt = replace(
            known,
            number=len(before),
            kind="repricing",
            at=parts.now(),
            state=priced.state,
            items=items,
            cost=_less(priced, known),
            priced_cost=difference(priced.priced_cost, known.priced_cost),
            price_version=priced.version,
        )
        await write(tx.connection, [receipt])
        whole = combined([*before, receipt])
        await true_up(tx.connection, [whole] if whole else [])
        event = event_with("batch_repriced", batch, receipt, tx.now())
        tx.record(event, subject=batch.id, owner=batch.owner)
    return receipt


async def _rows(parts: Parts, batch: BatchRecord, jobs: list[JobRecord]) -> list[UsageRow]:
    """What the stored result files say was used; nothing, where they cannot tell it all."""
    # the files do not say which of several jobs a row is of
    if len({(job.account, *job.asked_models) for job in jobs}) != 1 or batch.phase != "settled":
        return []
    served = parts.accounts.get(jobs[0].account)
    models = jobs[0].asked_models
    with ExitStack() as scope:
        try:
            paths = [
                scope.enter_context(parts.store.local(f"{file_id}/content.jsonl"))
                for file_id in (batch.output_file_id, batch.error_file_id)
                if file_id is not None
            ]
        except StoreMissingError:
            return []
        reader = served.account.usage_reader(batch.endpoint)
        return await asyncio.to_thread(recounted, paths, models, reader)


def _again(
    parts: Parts, known: Receipt, jobs: list[JobRecord], rows: list[UsageRow]
) -> list[Priced]:
    """The same usage at the prices of today, by its lines where they are all there.

    A receipt does not say how long the requests were; and the files do not have
    the rows of duplicates and twins, which were paid for too.
    """
    started: dict[str, float] = {}
    for job in jobs:
        started[job.account] = min(started_of(job), started.get(job.account, inf))
    if rows and _figures(rows) == _figures(known.items):
        account, at = next(iter(started.items()))
        return [price_usage(rows, parts.prices, parts.accounts.get(account).account, at)]
    return [
        repriced(
            [one for one in known.items if one.account == account],
            parts.prices,
            parts.accounts.get(account).account,
            at,
            _requested(jobs, account),
        )
        for account, at in started.items()
    ]


def _requested(jobs: list[JobRecord], account: str) -> str | None:
    """The one model that all the account's jobs asked for."""
    asked = {model for job in jobs if job.account == account for model in job.asked_models}
    return asked.pop() if len(asked) == 1 else None


def _figures(parts: Iterable[UsageRow | CostItem]) -> Counter[tuple[str | None, str]]:
    """By model, and what is counted of it."""
    counts: Counter[tuple[str | None, str]] = Counter()
    for one in parts:
        model = one.model or one.requested if isinstance(one, UsageRow) else one.model
        counts[model, "lines"] += one.lines
        counts[model, "unknown_lines"] += one.unknown_lines
        for name in TOKENS:
            counts[model, name] += getattr(one.usage, name)
    return counts


def _same(known: Receipt, priced: Priced) -> bool:
    """Whether only the edition of the price book is another."""
    return _costs(known.items) == _costs(priced.items)


def _costs(items: Iterable[CostItem]) -> Counter[tuple[object, ...]]:
    """In no order: what was repriced once comes after what was not."""
    return Counter(
        (one.model, one.account, one.tier, one.band, one.cost, one.reason) for one in merged(items)
    )


def _less(priced: Priced, known: Receipt) -> Decimal | None:
    if priced.cost is None or known.cost is None:
        return None
    return difference(priced.cost, known.cost)
