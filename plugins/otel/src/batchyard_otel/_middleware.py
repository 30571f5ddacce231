"""The middleware: a span for each call of a provider, beneath its batch's."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import Call, Ref

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

__all__ = ["OtelMiddleware"]

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

OF_BATCHES = ("create_batch", "retrieve_batch", "cancel_batch", "find_batch", "list_batches")
OF_FILES = ("upload_file", "retrieve_file", "delete_file", "list_files", "find_file")


def _wanted() -> Tracer | None:
    """The tracer that there is.

    It loads with every account of an installation: where nobody traces, not even
    OpenTelemetry's API is imported.
    """
    configured = any(os.environ.get(name) for name in ENDPOINTS)
    if not configured and "opentelemetry.trace" not in sys.modules:
        return None
    from batchyard_otel._tracing import tracer  # noqa: PLC0415 - see above

    return tracer(own=configured)


class OtelMiddleware:
    """Best effort, in this process, with the application's own tracer provider.

    Where the application has none, one is made if ``OTEL_EXPORTER_OTLP_ENDPOINT``
    or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` is set; otherwise nothing is traced.
    """

    contract: ClassVar[str] = ">=1.1,<2"

    def __init__(self, tracer: Callable[[], Tracer | None] = _wanted) -> None:
        self._tracer = tracer

    def around(
        self, name: str, call: Call, ref: Ref | None, plan: Any
    ) -> Coroutine[Any, Any, Any] | AsyncGenerator[bytes, None]:
        """The plan or stream, traced; as it is where nobody listens."""
        tracer = self._tracer()
        if tracer is None:
            return plan  # type: ignore[no-any-return]  # whichever of them it is
        from batchyard_otel._noting import Noted  # noqa: PLC0415 - only where somebody traces

        noted = Noted(tracer, name, call, ref)
        return noted.stream(plan) if name == "file_content" else noted.plan(plan)

    @hookimpl(wrapper=True)
    def file_content(self, call: Call, file: Ref) -> Generator[None, Any, Any]:
        stream = yield
        # a file is no batch, so only what the call says counts
        return self.around("file_content", call, None, stream)

    @hookimpl(wrapper=True)
    def retrieve_batch(self, call: Call, batch: Ref) -> Generator[None, Any, Any]:
        plan = yield
        return self.around("retrieve_batch", call, batch, plan)

    @hookimpl(wrapper=True)
    def cancel_batch(self, call: Call, batch: Ref) -> Generator[None, Any, Any]:
        plan = yield
        return self.around("cancel_batch", call, batch, plan)


def _wrapping(name: str) -> Any:
    def wrapper(self: OtelMiddleware, call: Call) -> Generator[None, Any, Any]:
        plan = yield
        return self.around(name, call, None, plan)

    wrapper.__name__ = name
    return hookimpl(wrapper=True)(wrapper)


for _name in (*OF_BATCHES, *OF_FILES):
    if _name not in vars(OtelMiddleware):
        setattr(OtelMiddleware, _name, _wrapping(_name))
