"""The marker in a batch's metadata, by which a create is recognised."""

from __future__ import annotations

from collections.abc import Mapping

from batchyard.errors import IdempotencyError, InputError
from batchyard.models import Batch

__all__ = ["MARKER_KEY", "marked", "marker_of", "unmarked"]

MARKER_KEY = "batchyard_marker"
MAX_PAIRS = 16
"""Pairs of metadata that a batch may have (OpenAI API reference, create batch)."""


def marked(metadata: Mapping[str, str] | None, marker: str | None) -> dict[str, str] | None:
    """The metadata to send.  Raises :class:`IdempotencyError` where a marker finds no room."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InputError("metadata must be a mapping", param="metadata")
    given: Mapping[str, object] = metadata or {}
    odd = [name for name, value in given.items() if not isinstance(value, str)]
    if odd:
        raise InputError(f"metadata {odd[0]!r} is not a string; write it as one", param="metadata")
    if marker is None:
        return dict(metadata) if metadata is not None else None
    if metadata and MARKER_KEY in metadata:
        raise IdempotencyError(
            f"metadata may not have the key {MARKER_KEY!r}: idempotency keys use it",
            param="metadata",
        )
    if metadata and len(metadata) >= MAX_PAIRS:
        raise IdempotencyError(
            f"an idempotency key needs one of the {MAX_PAIRS} metadata pairs, and all are taken; "
            "drop one, or create without a key",
            param="metadata",
        )
    return {**(metadata or {}), MARKER_KEY: marker}


def marker_of(batch: Batch) -> str | None:
    return (batch.metadata or {}).get(MARKER_KEY)


def unmarked(batch: Batch) -> Batch:
    """The batch as its owner made it."""
    if marker_of(batch) is None:
        return batch
    metadata = {key: value for key, value in (batch.metadata or {}).items() if key != MARKER_KEY}
    return batch.model_copy(update={"metadata": metadata or None})
