"""An event of every kind, as a ledger tells them, and as they may be one day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from batchyard.hookspecs import ListenerSpec
from batchyard.models import (
    Batch,
    BatchEvent,
    Event,
    FileEvent,
    FileObject,
    Identity,
    LineRecord,
    Proof,
    Receipt,
    RequestCounts,
    RequestEvent,
    Totals,
    Usage,
)

__all__ = ["DURABLE", "HOOKS", "ended", "event_of", "lines_of", "of_tomorrow"]

HOOKS = tuple(name for name in vars(ListenerSpec) if not name.startswith("_"))
"""Every hook that an event may come by."""

DURABLE = tuple(name for name in HOOKS if name != "request_sent")
"""Those that are delivered to sinks."""

AT = 1_790_000_000.0

BATCH = Batch(
    id="batch_7",
    endpoint="/v1/chat/completions",
    input_file_id="file_7",
    output_file_id="file_8",
    status="completed",
    created_at=int(AT) - 60,
    request_counts=RequestCounts(total=3, completed=2, failed=1),
    metadata={"größe": "✓ 例", "quote": '"; drop table costs; --'},
)
USAGE = Usage(1200, 80, cached_tokens=1000, reasoning_tokens=12, model="a-model")
WHO = Identity("ana", "search", ("nightly", "eu"))


def event_of(hook: str, *, sparse: bool = False) -> Event:
    """An event of that hook, new at each call.

    A *sparse* one knows as little as one may: no totals, no cost, nobody it is for.
    """
    about: dict[str, Any] = {"hook": hook, "at": AT, "provider": "acme", "account": "mine"}
    if hook == "request_sent":
        status = None if sparse else 200
        return RequestEvent(
            **about, method="GET", url="https://x.example", status=status, seconds=1
        )
    if hook == "file_created":
        file = FileObject(id="file_7", filename="größe ✓.jsonl", bytes=120, purpose="batch")
        return FileEvent(**about, file=file, identity=None if sparse else WHO)
    if sparse:
        return BatchEvent(**about, batch=Batch(id="batch_7"))
    return BatchEvent(
        **about,
        batch=BATCH,
        previous_status="in_progress",
        totals=Totals(USAGE, 3, Decimal("0.00012")),
        identity=WHO,
        receipt=_receipt(),
    )


def _receipt() -> Receipt:
    return Receipt(
        batch_id="batch_7",
        number=0,
        kind="settlement",
        at=AT,
        state="priced",
        items=(),
        proof=Proof(3, {"ok": 2, "error": 1}),
        cost=Decimal("0.00012"),
        priced_cost=Decimal("0.00012"),
        identity=WHO,
    )


def ended() -> BatchEvent:
    """A batch that has ended well."""
    event = event_of("batch_success")
    if not isinstance(event, BatchEvent):
        raise TypeError("the end of a batch is an event of a batch")
    return event


def lines_of(event: BatchEvent, *, bodies: bool) -> tuple[LineRecord, ...]:
    """A line of each kind: one that is answered, one that failed, one that was never run."""
    shown: dict[str, Any] = (
        {"request": {"model": "a-model"}, "response": {"choices": [{"größe": "✓"}]}}
        if bodies
        else {}
    )
    about: dict[str, Any] = {
        "batch_id": event.batch.id,
        "endpoint": "/v1/chat/completions",
    }
    cost = Decimal("0.00004")
    return (
        LineRecord(
            id=f"{event.id}-1",
            number=1,
            custom_id="größe ✓",
            outcome="ok",
            status=200,
            model="a-model",
            usage=USAGE,
            cost=cost,
            created_at=int(AT),
            **about,
            **shown,
        ),
        LineRecord(
            id=f"{event.id}-2", number=2, custom_id="b", outcome="error", status=429, **about
        ),
        LineRecord(id=f"{event.id}-3", number=3, custom_id="c", outcome="expired", **about),
    )


def of_tomorrow() -> Event:
    """An event of a hook that there is not, yet."""
    return Event(hook="batch_teleported", at=AT, provider="acme", account="mine")
