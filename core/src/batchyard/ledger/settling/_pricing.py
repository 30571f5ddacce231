"""From counted usage to a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchyard.ledger.parts import Parts
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.settlement import Settled, UsageKey, UsageSum
from batchyard.models import Receipt
from batchyard.prices import UsageRow, combined, price_usage

__all__ = ["receipt_for", "started_of"]

DAY = 86_400


def receipt_for(
    parts: Parts, batch: BatchRecord, jobs: Sequence[JobRecord], settled: Settled
) -> Receipt:
    """What the batch comes to: each job at the prices of its own account."""
    by_account: dict[str, list[JobRecord]] = {}
    for job in jobs:
        by_account.setdefault(job.account, []).append(job)
    priced = combined(
        price_usage(
            _rows(settled.usages, of_account),
            parts.prices,
            parts.accounts.get(account).account,
            min(started_of(job) for job in of_account),
        )
        for account, of_account in by_account.items()
    )
    return Receipt(
        batch_id=batch.id,
        number=0,
        kind="settlement",
        at=parts.now(),
        state=priced.state,
        items=priced.items,
        proof=settled.proof,
        cost=priced.cost,
        priced_cost=priced.priced_cost,
        price_version=priced.version,
        identity=batch.identity,
    )


def started_of(job: JobRecord) -> float:
    """The time of price of lines that do not say when they were answered."""
    return job.started_at or job.submitted_at or job.created_at


def _rows(usages: Mapping[UsageKey, UsageSum], of_account: Sequence[JobRecord]) -> list[UsageRow]:
    asked = {job.id: job.asked_models for job in of_account}
    requested = {job: models[0] if len(models) == 1 else None for job, models in asked.items()}
    day = {job.id: int(started_of(job) // DAY) for job in of_account}
    return [
        UsageRow(
            key.model,
            requested[key.job],
            key.bucket,
            key.day or day[key.job],
            found.lines,
            found.unknown_lines,
            found.usage,
        )
        for key, found in usages.items()
        if key.job in requested
    ]
