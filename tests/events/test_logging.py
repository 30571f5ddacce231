"""The listener that hands events to the standard library's logging."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from batchyard.events import LoggingListener
from batchyard.models import (
    Batch,
    BatchError,
    BatchErrors,
    BatchEvent,
    FileEvent,
    FileObject,
    Totals,
    Usage,
)

TOTALS = Totals(Usage(100, 20), 3, Decimal("1E-6"))


def batch_event(hook: str, status: str, errors: Any = None, **more: Any) -> BatchEvent:
    batch = Batch(id="batch_a", status=status, errors=errors)
    return BatchEvent(hook=hook, at=0.0, provider="acme", account="acme-eu", batch=batch, **more)


FAILED = BatchErrors(data=[BatchError(code="x", message="the file has 100 % bad lines %s")])

SAID = [
    (
        batch_event("batch_created", "validating"),
        (logging.INFO, "acme-eu: batch batch_a was created"),
    ),
    (
        batch_event("batch_status_changed", "in_progress", previous_status="validating"),
        (logging.INFO, "acme-eu: batch batch_a: validating -> in_progress"),
    ),
    (
        batch_event("batch_success", "completed", totals=TOTALS),
        (
            logging.INFO,
            "acme-eu: batch batch_a completed: 3 lines, 120 tokens, cost 0.000001 USD",
        ),
    ),
    (
        batch_event("batch_failed", "failed", FAILED),
        (logging.WARNING, "acme-eu: batch batch_a failed (the file has 100 % bad lines %s)"),
    ),
    (
        batch_event("batch_expired", "expired", totals=Totals(Usage(), 0)),
        (logging.WARNING, "acme-eu: batch batch_a expired: 0 lines, 0 tokens, cost unknown"),
    ),
    (
        batch_event("batch_cancelled", "cancelled"),
        (logging.INFO, "acme-eu: batch batch_a cancelled"),
    ),
    (
        batch_event("batch_adjusted", "completed", totals=TOTALS),
        (
            logging.INFO,
            "acme-eu: batch batch_a was adjusted: 3 lines, 120 tokens, cost 0.000001 USD",
        ),
    ),
    (
        batch_event("batch_repriced", "completed"),
        (logging.INFO, "acme-eu: batch batch_a was priced anew"),
    ),
    (
        batch_event("batch_stalled", "in_progress", reason="job 1 takes 30 h"),
        (logging.WARNING, "acme-eu: batch batch_a makes no progress: job 1 takes 30 h"),
    ),
    (
        FileEvent(
            hook="file_created",
            at=0.0,
            provider="acme",
            account="acme-eu",
            file=FileObject(id="file-a", bytes=12),
        ),
        (logging.INFO, "acme-eu: file file-a (12 bytes) was uploaded"),
    ),
]


@pytest.mark.parametrize(("event", "said"), SAID, ids=[event.hook for event, _ in SAID])
def test_each_event_is_one_record(
    event: BatchEvent, said: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "batchyard.events")
    getattr(LoggingListener(), event.hook)(event)
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == said
    assert record.name == "batchyard.events"
    assert vars(record)["batchyard_event"] is event
