"""The span of a batch, made when it has ended: nothing is held open for a day."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

from batchyard.models import Batch, BatchEvent
from batchyard_otel.attributes import Attributes
from batchyard_otel.identity import batch_context
from batchyard_otel.times import ENDS, began, ended, nanos

__all__ = ["span_of"]

STAGES = ("in_progress_at", "finalizing_at", "cancelling_at")


def span_of(
    event: BatchEvent, attributes: Attributes, resource: Resource, scope: InstrumentationScope
) -> ReadableSpan | None:
    """The batch's span, with its real beginning and end; ``None`` while it has none."""
    if event.hook not in ENDS:
        return None
    start, end = began(event), ended(event)
    if error := _error(event):
        attributes = {**attributes, "error.type": error}
    return ReadableSpan(
        name=f"batch {attributes.get('gen_ai.request.model', event.account)}",
        context=batch_context(event.batch.id),
        kind=SpanKind.CLIENT,
        resource=resource,
        attributes=attributes,
        events=_stages(event.batch, start, end),
        status=Status(StatusCode.ERROR if error else StatusCode.OK),
        start_time=start,
        end_time=end,
        instrumentation_scope=scope,
    )


def _error(event: BatchEvent) -> str | None:
    """What failed, by its code.  What somebody wrote about it may quote a prompt."""
    if event.hook == "batch_failed":
        errors = event.batch.errors.data if event.batch.errors else []
        return (errors[0].code if errors else None) or "batch_failed"
    return "batch_expired" if event.hook == "batch_expired" else None


def _stages(batch: Batch, start: int, end: int) -> list[SpanEvent]:
    found = []
    for name in STAGES:
        at = getattr(batch, name)
        if at is not None:
            moment = min(max(nanos(at), start), end)
            found.append(SpanEvent(f"gen_ai.batch.{name.removesuffix('_at')}", None, moment))
    return found
