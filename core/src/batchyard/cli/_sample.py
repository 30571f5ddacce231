"""An event and a line of a batch that does not exist, to try a sink with."""

from __future__ import annotations

import time
from decimal import Decimal
from uuid import uuid4

from batchyard.models import (
    Batch,
    BatchEvent,
    CostItem,
    FileEvent,
    FileObject,
    Identity,
    LineRecord,
    Proof,
    Rates,
    Receipt,
    RequestCounts,
    Totals,
    Usage,
)

__all__ = ["sample_event", "sample_line"]

BATCH, MODEL = "batch_sample", "sample-model"
ENDPOINT = "/v1/chat/completions"
USAGE = Usage(1000, 200)
COST = Decimal("0.0009")

ENDED = {
    "batch_success": "completed",
    "batch_failed": "failed",
    "batch_expired": "expired",
    "batch_cancelled": "cancelled",
    "batch_adjusted": "completed",
    "batch_repriced": "completed",
}


def sample_event(hook: str) -> BatchEvent | FileEvent:
    """As it would be told of a batch of one line."""
    now = time.time()
    event_id = f"evt_sample_{uuid4().hex}"
    identity = Identity("sample", "sample")
    if hook == "file_created":
        file = FileObject(id="file-sample", bytes=120, filename="sample.jsonl", purpose="batch")
        return FileEvent(
            hook=hook,
            at=now,
            provider="sample",
            account="sample",
            id=event_id,
            file=file,
            identity=identity,
        )
    ended = hook in ENDED
    batch = Batch(
        id=BATCH,
        endpoint=ENDPOINT,
        model=MODEL,
        status=ENDED.get(hook, "in_progress"),
        input_file_id="file-sample",
        completion_window="24h",
        created_at=int(now) - 60,
        completed_at=int(now) if ended else None,
        request_counts=RequestCounts(total=1, completed=int(ended), failed=0),
    )
    return BatchEvent(
        hook=hook,
        at=now,
        provider="sample",
        account="sample",
        id=event_id,
        batch=batch,
        previous_status="in_progress" if ended else "validating",
        totals=Totals(USAGE, 1, COST) if ended else None,
        identity=identity,
        receipt=_receipt(now, identity) if ended else None,
        reason="this is a sample",
    )


def sample_line(*, bodies: bool) -> LineRecord:
    """The line of that batch."""
    return LineRecord(
        id="line_sample",
        batch_id=BATCH,
        number=1,
        custom_id="sample-1",
        outcome="ok",
        endpoint=ENDPOINT,
        status=200,
        model=MODEL,
        usage=USAGE,
        cost=COST,
        created_at=int(time.time()),
        request={"messages": [{"role": "user", "content": "A sample."}]} if bodies else None,
        response={"choices": [{"message": {"content": "A sample."}}]} if bodies else None,
    )


def _receipt(at: float, identity: Identity) -> Receipt:
    rates = Rates(Decimal("0.5"), Decimal(2), source="sample")
    item = CostItem(MODEL, "sample", "sample", "batch", "standard", 1, USAGE, 0, rates, COST)
    return Receipt(
        batch_id=BATCH,
        number=0,
        kind="settlement",
        at=at,
        state="priced",
        items=(item,),
        proof=Proof(1, {"ok": 1}),
        cost=COST,
        priced_cost=COST,
        price_version="sample",
        identity=identity,
    )
