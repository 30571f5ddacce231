"""Accepting a file."""

from __future__ import annotations

import asyncio

from sqlalchemy import insert

from batchyard.ledger.files._reading import file_of
from batchyard.ledger.ids import new_id
from batchyard.ledger.parts import Parts, transaction
from batchyard.ledger.records import FileRecord, whose
from batchyard.ledger.staging import Staged, stage
from batchyard.ledger.tables import files
from batchyard.models import ExpiresAfter, FileEvent, FileObject, Identity
from batchyard.sources import Source

__all__ = ["create"]


async def create(
    parts: Parts,
    who: Identity,
    source: Source,
    *,
    filename: str,
    purpose: str = "batch",
    expires_after: ExpiresAfter | None = None,
) -> FileObject:
    """Stage the file: bytes first, then the row, so that what is listed is there.

    Raises :class:`InvalidLinesError` with all bad lines of a file for a batch;
    nothing of a refused file is kept.
    """
    file_id = new_id("file-")
    checked = purpose == "batch"
    staged = await stage(parts.store, file_id, source, gates=parts.gates, checked=checked)
    now = parts.now()
    try:
        row = {
            **_row(who, file_id, staged),
            "purpose": purpose,
            "filename": filename,
            "created_at": now,
            "expires_at": None if expires_after is None else now + expires_after.seconds,
        }
        async with transaction(parts) as tx:
            made = await tx.connection.execute(insert(files).values(**row).returning(*files.c))
            file = file_of(FileRecord.of(made.mappings().one()))
            event = FileEvent(
                hook="file_created", at=now, provider="", account="", file=file, identity=who
            )
            tx.record(event, subject=file_id, owner=who.owner)
    except BaseException:
        await asyncio.to_thread(parts.store.delete_all, file_id)
        raise
    return file


def _row(who: Identity, file_id: str, staged: Staged) -> dict[str, object]:
    return {
        "id": file_id,
        **whose(who),
        "bytes": staged.bytes,
        "lines": staged.lines,
        "refused": staged.refused,
        "digest": staged.digest,
        "index_digest": staged.index_digest,
        "endpoint": staged.endpoint,
        "models": staged.models,
        "sent_bytes": staged.sent_bytes,
    }
