"""Files as the ledger has them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, or_, select

from batchyard.errors import NotFoundError
from batchyard.ledger.pages import page_of
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import FILE_BY_ID, FileRecord
from batchyard.ledger.tables import files
from batchyard.models import FileObject, Page, PageRequest

__all__ = ["file_of", "find_file", "list_files"]


def file_of(file: FileRecord) -> FileObject:
    times: dict[str, Any] = {"created_at": file.created_at, "expires_at": file.expires_at}
    return FileObject(
        id=file.id,
        bytes=file.bytes,
        **times,
        filename=file.filename,
        purpose=file.purpose,
        status="processed",
    )


async def find_file(
    parts: Parts, file_id: str, *, owner: str | None, param: str | None = None
) -> FileRecord:
    """The file, if it is there and *owner*'s; ``None`` asks for anybody's.

    Raises :class:`NotFoundError`: another owner's file is as if it were not there.
    """
    file = await parts.db.find(FILE_BY_ID, file_id)
    if file is None or file.gone(parts.now()) or owner not in {None, file.owner}:
        raise NotFoundError(f"No such File object: {file_id}", status=404, param=param or "id")
    return file


async def list_files(parts: Parts, page: PageRequest, *, owner: str | None) -> Page[FileObject]:
    """One page by key: a file that comes or goes meanwhile shifts no other."""
    query = _there(parts.now(), owner)
    if page.purpose is not None:
        query = query.where(files.c.purpose == page.purpose)
    found = await page_of(parts.db, files, query, page, owner=owner)
    data = [file_of(FileRecord.of(row)) for row in found.rows]
    return Page[FileObject](
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=found.more,
    )


def _there(now: float, owner: str | None) -> Select[tuple[object, ...]]:
    expired = or_(files.c.expires_at.is_(None), files.c.expires_at > now)
    query = select(files).where(files.c.deleted_at.is_(None), expired)
    return query if owner is None else query.where(files.c.owner == owner)
