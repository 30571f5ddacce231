"""Events and lines as spans, sent to Langfuse's OTLP endpoint."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from batchyard.models import BatchEvent, LineRecord
from batchyard_langfuse import _attributes as attributes
from batchyard_langfuse._settings import LangfuseSettings
from batchyard_otel.exporting import Exporters, Target
from batchyard_otel.identity import batch_context, span_id
from batchyard_otel.times import ENDS, began, ended, nanos

__all__ = ["Teller"]

PATH = "/api/public/otel"


@dataclass(frozen=True, slots=True)
class _Told:
    """One observation.  ``seed`` makes its id; the batch's own is the root."""

    seed: str
    name: str
    attributes: Mapping[str, attributes.Value]
    start: int
    end: int
    failed: bool = False


class Teller:
    def __init__(self, settings: LangfuseSettings) -> None:
        self._settings = settings
        self._exporters = Exporters(
            Target(settings.host + PATH, _headers(settings), settings.timeout)
        )
        self._resource = Resource({"service.name": "batchyard"})
        self._scope = InstrumentationScope("batchyard", version("batchyard-langfuse"))

    def tell(self, event: BatchEvent) -> None:
        """Raises :class:`~batchyard_otel.exporting.NotTakenError`."""
        told = []
        if event.hook in ENDS:
            told.append(self._batch(event))
        if event.receipt is not None and self._settings.totals == "batch":
            told += self._items(event)
        if told:
            self._send(event, told)

    def tell_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        """Raises :class:`~batchyard_otel.exporting.NotTakenError`."""
        counts = self._settings.totals == "lines"
        start, end, told = began(event), ended(event), nanos(event.at)
        self._send(
            event,
            [
                _Told(
                    line.id,
                    line.custom_id,
                    attributes.of_line(line, counts=counts),
                    start,
                    # no answer is from after it was told; a time that cannot be costs all lines
                    end
                    if line.created_at is None
                    else max(start, min(told, nanos(line.created_at))),
                    line.outcome != "ok",
                )
                for line in lines
            ],
        )

    def _batch(self, event: BatchEvent) -> _Told:
        said = attributes.of_batch(event, metadata=self._settings.capture_metadata)
        failed = event.hook in {"batch_failed", "batch_expired"}
        return _Told(event.batch.id, "batch", said, began(event), ended(event), failed)

    def _items(self, event: BatchEvent) -> list[_Told]:
        receipt = event.receipt
        if receipt is None:
            return []
        start = began(event) if receipt.kind == "settlement" else nanos(event.at)
        return [
            _Told(
                f"{event.batch.id}/{receipt.number}/{number}",
                f"{receipt.kind} {item.model or 'unknown model'}",
                attributes.of_item(item, receipt.kind),
                start,
                max(start, ended(event)),
            )
            for number, item in enumerate(receipt.items)
        ]

    def _send(self, event: BatchEvent, told: Sequence[_Told]) -> None:
        shared = attributes.of_trace(event, self._settings.environment)
        self._exporters.spans([self._span(event.batch.id, one, shared) for one in told])

    def _span(
        self, batch: str, told: _Told, shared: Mapping[str, attributes.Value]
    ) -> ReadableSpan:
        root = batch_context(batch)
        context = SpanContext(
            root.trace_id, span_id(told.seed), is_remote=False, trace_flags=TraceFlags(1)
        )
        return ReadableSpan(
            name=told.name,
            context=context,
            parent=None if told.seed == batch else root,
            resource=self._resource,
            attributes={**shared, **told.attributes},
            status=Status(StatusCode.ERROR if told.failed else StatusCode.OK),
            start_time=told.start,
            end_time=told.end,
            instrumentation_scope=self._scope,
        )


def _headers(settings: LangfuseSettings) -> dict[str, str]:
    pair = f"{settings.public_key}:{settings.secret_key.get_secret_value()}"
    return {
        "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "x-langfuse-public-key": settings.public_key,
        # shown as soon as it is taken, and not after the older pipeline
        "x-langfuse-ingestion-version": "4",
    }
