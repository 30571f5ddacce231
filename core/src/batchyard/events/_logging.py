"""The listener that hands events to the standard library's ``logging``."""

from __future__ import annotations

import logging

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, FileEvent

__all__ = ["LoggingListener"]

log = logging.getLogger("batchyard.events")


class LoggingListener:
    """One record for each event, on the logger ``batchyard.events``.

    ``INFO``, or ``WARNING`` for what somebody may have to look at.  The event
    itself is the record's ``batchyard_event``, for formatters that want more of it.
    """

    needs_totals = False

    @hookimpl
    def file_created(self, event: FileEvent) -> None:
        file = event.file
        _log(logging.INFO, event, f"file {file.id} ({file.bytes} bytes) was uploaded")

    @hookimpl
    def batch_created(self, event: BatchEvent) -> None:
        _log(logging.INFO, event, f"batch {event.batch.id} was created")

    @hookimpl
    def batch_status_changed(self, event: BatchEvent) -> None:
        change = f"{event.previous_status} -> {event.batch.status}"
        _log(logging.INFO, event, f"batch {event.batch.id}: {change}")

    @hookimpl
    def batch_success(self, event: BatchEvent) -> None:
        _ended(logging.INFO, event)

    @hookimpl
    def batch_failed(self, event: BatchEvent) -> None:
        _ended(logging.WARNING, event)

    @hookimpl
    def batch_expired(self, event: BatchEvent) -> None:
        _ended(logging.WARNING, event)

    @hookimpl
    def batch_cancelled(self, event: BatchEvent) -> None:
        _ended(logging.INFO, event)

    @hookimpl
    def batch_adjusted(self, event: BatchEvent) -> None:
        _log(logging.INFO, event, f"batch {event.batch.id} was adjusted{_totals(event)}")

    @hookimpl
    def batch_repriced(self, event: BatchEvent) -> None:
        _log(logging.INFO, event, f"batch {event.batch.id} was priced anew{_totals(event)}")

    @hookimpl
    def batch_stalled(self, event: BatchEvent) -> None:
        reason = event.reason or event.batch.status
        _log(logging.WARNING, event, f"batch {event.batch.id} makes no progress: {reason}")


def _ended(level: int, event: BatchEvent) -> None:
    _log(level, event, f"batch {event.batch.id} {event.batch.status}{_totals(event)}{_why(event)}")


def _totals(event: BatchEvent) -> str:
    if event.totals is None:
        return ""
    cost = event.totals.response_cost
    price = "unknown" if cost is None else f"{cost:f} USD"
    return f": {event.totals.lines} lines, {event.totals.usage.total_tokens} tokens, cost {price}"


def _why(event: BatchEvent) -> str:
    errors = event.batch.errors.data if event.batch.errors is not None else []
    said = event.reason or (errors[0].message if errors else None)
    return f" ({said})" if said else ""


def _log(level: int, event: Event, message: str) -> None:
    # the text comes from outside and may have a % in it
    log.log(level, "%s: %s", event.account, message, extra={"batchyard_event": event})
