"""Events as the ledger tells them, with words in them that nobody else is to read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from batchyard.models import (
    Batch,
    BatchEvent,
    CostItem,
    FileEvent,
    FileObject,
    Identity,
    Proof,
    Rates,
    Receipt,
    RequestCounts,
    Totals,
    Usage,
)

CREATED, STARTED, DONE, TOLD = 1_795_000_000, 1_795_000_060, 1_795_003_600, 1_795_003_605.5

CANARY = "canary-prompt-3f9a"
"""Stands where a prompt might be quoted."""

SECRET = "canary-secret-77c1"

USAGE = Usage(
    input_tokens=900,
    output_tokens=250,
    cached_tokens=100,
    cache_write_tokens=7,
    reasoning_tokens=30,
)

RATES = Rates(Decimal("1.25"), Decimal(5), Decimal("0.625"), source="book")

ITEM = CostItem(
    model="gpt-5-mini",
    provider="openai",
    account="main",
    tier="batch",
    band="standard",
    lines=3,
    usage=USAGE,
    rates=RATES,
    cost=Decimal("0.002312500"),
)

RECEIPT = Receipt(
    batch_id="batch_7",
    number=0,
    kind="settlement",
    at=TOLD,
    state="priced",
    items=(ITEM,),
    proof=Proof(4, {"ok": 3, "error": 1}),
    cost=ITEM.cost,
    priced_cost=Decimal("0.002312500"),
    price_version="2026-11-01",
    identity=Identity("ann", "docs", ("nightly", "eval"), "key_1"),
)

BATCH = Batch(
    id="batch_7",
    endpoint="/v1/chat/completions",
    status="completed",
    completion_window="24h",
    input_file_id="file-1",
    output_file_id="file-2",
    created_at=CREATED,
    in_progress_at=STARTED,
    completed_at=DONE,
    request_counts=RequestCounts(total=4, completed=3, failed=1),
    metadata={"note": CANARY},
)

ENDED = BatchEvent(
    hook="batch_success",
    at=TOLD,
    provider="openai",
    account="main",
    id="evt_1",
    batch=BATCH,
    totals=Totals(USAGE, 4, ITEM.cost),
    identity=RECEIPT.identity,
    receipt=RECEIPT,
)

UPLOADED = FileEvent(
    hook="file_created",
    at=float(CREATED),
    provider="openai",
    account="main",
    id="evt_0",
    file=FileObject(id="file-1", bytes=1234, filename=f"{CANARY}.jsonl", purpose="batch"),
    identity=RECEIPT.identity,
)

FAILED = replace(
    ENDED,
    hook="batch_failed",
    id="evt_2",
    totals=None,
    receipt=None,
    reason=CANARY,
    batch=Batch.model_validate(
        {
            **BATCH.model_dump(),
            "status": "failed",
            "completed_at": None,
            "failed_at": DONE,
            "errors": {"data": [{"code": "invalid_json_line", "message": CANARY, "line": 2}]},
        }
    ),
)


def event(hook: str, **changes: Any) -> BatchEvent:
    """Another event of the batch."""
    return replace(ENDED, hook=hook, id=f"evt_{hook}", **changes)
