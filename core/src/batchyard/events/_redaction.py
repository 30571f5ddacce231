"""Events without what a subscription is not to get."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from batchyard.models import Batch, BatchEvent, FileEvent, Identity

__all__ = ["HIDEABLE", "hidden_id", "redacted"]

HIDEABLE = ("custom_id", "errors", "filename", "identity", "metadata")
"""What ``redact`` may name: all of an event, or of a line, that users or providers worded."""

HIDDEN = "(redacted)"


def redacted(event: BatchEvent | FileEvent, hidden: Collection[str]) -> BatchEvent | FileEvent:
    """The event without what *hidden* names (see HIDEABLE); its id stays the same.

    ``errors`` leaves the codes, and takes the messages and the ``reason``.
    """
    if not hidden:
        return event
    if "identity" in hidden:
        event = replace(event, identity=None)
    if isinstance(event, FileEvent):
        if "filename" in hidden:
            return replace(event, file=event.file.model_copy(update={"filename": HIDDEN}))
        return event
    receipt = event.receipt
    if "identity" in hidden and receipt is not None:
        receipt = replace(receipt, identity=Identity())
    batch = _batch(event.batch, hidden)
    reason = None if "errors" in hidden else event.reason
    return replace(event, batch=batch, receipt=receipt, reason=reason)


def hidden_id(custom_id: str) -> str:
    """What stands for a ``custom_id`` that is not to be told: the same for the same."""
    return "sha256:" + hashlib.sha256(custom_id.encode(errors="replace")).hexdigest()[:32]


def _batch(batch: Batch, hidden: Collection[str]) -> Batch:
    changes: dict[str, object] = {}
    if "metadata" in hidden:
        changes["metadata"] = None
    if "errors" in hidden and batch.errors is not None:
        data = [one.model_copy(update={"message": HIDDEN}) for one in batch.errors.data]
        changes["errors"] = batch.errors.model_copy(update={"data": data})
    return batch.model_copy(update=changes) if changes else batch
