"""What a file is created from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchyard.ledger.staging import Staged
from batchyard.models import ExpiresAfter

__all__ = ["FileOrder", "fingerprint"]


@dataclass(frozen=True, slots=True)
class FileOrder:
    """A file to create.

    ``hints`` say where its batches are to run, unless they say so themselves.
    """

    filename: str
    purpose: str = "batch"
    expires_after: ExpiresAfter | None = None
    idempotency_key: str | None = None
    hints: Mapping[str, Any] | None = None


def fingerprint(order: FileOrder, staged: Staged) -> str:
    """What an idempotency key was used for."""
    expires = order.expires_after
    what = [
        staged.digest,
        order.filename,
        order.purpose,
        None if expires is None else expires.seconds,
        dict(order.hints or {}),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
