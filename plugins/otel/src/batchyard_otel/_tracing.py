"""Whose tracer the middleware uses."""

from __future__ import annotations

import atexit
import os
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, Tracer

__all__ = ["tracer"]


def tracer(*, own: bool) -> Tracer | None:
    """The application's; or, with *own*, one of ours where it has none."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider):
        # nobody has set one up
        return _own() if own else None
    return provider.get_tracer("batchyard")


@cache
def _own() -> Tracer:
    made = _provider()
    # what waits is sent before the process ends
    atexit.register(made.shutdown)
    tracer: Tracer = made.get_tracer("batchyard")
    return tracer


def _provider() -> Any:
    # only who traces pays for the SDK
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = os.environ.get("OTEL_SERVICE_NAME") or "batchyard"
    provider = TracerProvider(resource=Resource.create({"service.name": named}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
