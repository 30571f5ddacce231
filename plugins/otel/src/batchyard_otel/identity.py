"""Ids that are the same whenever they are made, so that what comes twice is one.

They are made as Langfuse's SDK makes an id of a seed.
"""

from __future__ import annotations

import hashlib

from opentelemetry.trace import SpanContext, TraceFlags

__all__ = ["batch_context", "span_id", "trace_id"]


def trace_id(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big")


def span_id(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")


def batch_context(batch_id: str, *, remote: bool = False) -> SpanContext:
    """The span of a batch: known before there is one, so that others can be beneath it."""
    return SpanContext(
        trace_id(batch_id), span_id(batch_id), is_remote=remote, trace_flags=TraceFlags(1)
    )
