"""One call of a provider as a span."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanKind, Status, StatusCode, Tracer

from batchyard.effects import Now
from batchyard.models import Batch, Call, Ref
from batchyard_otel.identity import batch_context
from batchyard_otel.times import NANOS

__all__ = ["Noted"]


class Noted:
    """One call, from its first step to its last."""

    def __init__(self, tracer: Tracer, name: str, call: Call, ref: Ref | None) -> None:
        self._tracer = tracer
        self._name = name
        self._call = call
        self._batch = call.batch or (ref.id if ref else None)

    async def plan(self, plan: Coroutine[Any, Any, Any]) -> Any:
        began, ticks = await Now(), time.monotonic()
        try:
            result = await plan
        except BaseException as error:
            self._note(began, ticks, error)
            raise
        if self._batch is None and isinstance(result, Batch):
            self._batch = result.id
        self._note(began, ticks, None)
        return result

    async def stream(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        began, ticks = await Now(), time.monotonic()
        error: BaseException | None = None
        try:
            async with aclosing(stream):
                async for piece in stream:
                    yield piece
        except GeneratorExit:
            raise  # whoever read it had enough
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._note(began, ticks, error)

    def _note(self, began: float, ticks: float, error: BaseException | None) -> None:
        """Made when it is over: by then the batch is known that a create has made."""
        start = round(began * NANOS)
        context = None
        if self._batch is not None:
            parent = NonRecordingSpan(batch_context(self._batch, remote=True))
            context = trace.set_span_in_context(parent)
        span = self._tracer.start_span(
            f"{self._name} {self._call.account}",
            context=context,
            kind=SpanKind.CLIENT,
            attributes=self._attributes(),
            start_time=start,
        )
        if error is not None:
            # its kind alone: its text may quote what was sent
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
        span.end(start + round((time.monotonic() - ticks) * NANOS))

    def _attributes(self) -> dict[str, str]:
        found = {
            "gen_ai.operation.name": self._name,
            "gen_ai.batch.account": self._call.account,
            "gen_ai.batch.request.id": self._call.request_id,
            "gen_ai.batch.id": self._batch or "",
        }
        return {name: value for name, value in found.items() if value}
