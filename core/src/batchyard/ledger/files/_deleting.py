"""Deleting a file."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, update

from batchyard.errors import ConflictError
from batchyard.ledger.files._reading import find_file
from batchyard.ledger.parts import Parts
from batchyard.ledger.tables import batches, files
from batchyard.models import FileDeleted

__all__ = ["delete"]


async def delete(parts: Parts, file_id: str, *, owner: str | None) -> FileDeleted:
    """Delete the file and its bytes.

    Raises :class:`ConflictError` while a batch that is not settled needs it.
    """
    await find_file(parts, file_id, owner=owner)
    async with parts.db.writing() as connection:
        # whoever makes a batch of it meanwhile waits here, or is waited for
        row = select(files.c.id).where(files.c.id == file_id).with_for_update()
        await connection.execute(row)
        using = select(batches.c.id).where(
            batches.c.input_file_id == file_id, batches.c.phase != "settled"
        )
        batch = (await connection.execute(using.limit(1))).scalar_one_or_none()
        if batch is not None:
            raise ConflictError(
                f"{file_id} is the input of batch {batch}, which has not ended",
                status=409,
                code="file_in_use",
                retryable=False,
            )
        await connection.execute(
            update(files).where(files.c.id == file_id).values(deleted_at=parts.now())
        )
    # the row first: bytes without a row are swept, a row without bytes would be a lie
    await asyncio.to_thread(parts.store.delete_all, file_id)
    return FileDeleted(id=file_id)
