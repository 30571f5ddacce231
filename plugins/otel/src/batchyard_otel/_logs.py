"""Each event as a log record, on the batch's trace."""

from __future__ import annotations

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from batchyard.models import BatchEvent, Event, FileEvent
from batchyard_otel.attributes import Attributes
from batchyard_otel.identity import batch_context
from batchyard_otel.times import nanos

__all__ = ["record_of"]

WARNINGS = frozenset({"batch_failed", "batch_expired", "batch_stalled"})


def record_of(
    event: Event, attributes: Attributes, resource: Resource, scope: InstrumentationScope
) -> ReadableLogRecord:
    warns = event.hook in WARNINGS
    context = None
    if isinstance(event, BatchEvent):
        context = set_span_in_context(NonRecordingSpan(batch_context(event.batch.id)))
    at = nanos(event.at)
    record = LogRecord(
        timestamp=at,
        observed_timestamp=at,
        context=context,
        severity_text="WARN" if warns else "INFO",
        severity_number=SeverityNumber.WARN if warns else SeverityNumber.INFO,
        body=_said(event),
        attributes=attributes,
        event_name=f"gen_ai.batch.{event.hook}",
    )
    return ReadableLogRecord(record, resource, scope)


def _said(event: Event) -> str:
    match event:
        case BatchEvent(batch=batch):
            return f"{event.account}: {event.type} {batch.id} ({batch.status})"
        case FileEvent(file=file):
            return f"{event.account}: {event.type} {file.id}"
        case _:
            return f"{event.account}: {event.type}"
