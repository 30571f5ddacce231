"""Result files as rows."""

from __future__ import annotations

from typing import Any

from batchyard.ledger.records import BatchRecord, whose
from batchyard.ledger.settlement import Written

__all__ = ["result_file"]


def result_file(
    batch: BatchRecord, file_id: str, written: Written, kind: str, now: float
) -> dict[str, Any]:
    """The row of an output or error file, which is its batch's owner's."""
    expires = batch.output_expires_after
    return {
        "id": file_id,
        **whose(batch.identity),
        "purpose": "batch_output",
        "filename": f"{batch.id}_{kind}.jsonl",
        "bytes": written.bytes,
        "lines": written.lines,
        "digest": written.digest,
        "models": {},
        "batch_id": batch.id,
        "created_at": now,
        "expires_at": None if expires is None else now + expires,
    }
