"""Batches as OpenTelemetry spans, metrics and logs.

``OtelSink`` tells durably of batches, ``OtelMiddleware`` traces the calls of
providers in this process.  ``exporting``, ``identity`` and ``times`` are for other
sinks that speak OTLP.
"""

from __future__ import annotations

from batchyard_otel._middleware import OtelMiddleware
from batchyard_otel._settings import OtelSettings
from batchyard_otel._sink import OtelSink

__all__ = ["OtelMiddleware", "OtelSettings", "OtelSink"]
