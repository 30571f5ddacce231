"""What gates made of a file."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from batchyard.ledger.files._reading import find_file
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import FileRecord
from batchyard.ledger.store import StoreMissingError
from batchyard.models import FileReport

__all__ = ["report"]


async def report(parts: Parts, file_id: str, *, owner: str | None) -> FileReport:
    """The report of a file; one of which gates changed nothing says so.

    Raises :class:`NotFoundError`.
    """
    file = await find_file(parts, file_id, owner=owner)
    return await asyncio.to_thread(_read, parts, file)


def _read(parts: Parts, file: FileRecord) -> FileReport:
    try:
        with parts.store.open(f"{file.id}/report.json") as stored:
            return FileReport.model_validate_json(stored.read())
    except (StoreMissingError, ValidationError):
        # of a version that wrote none, or could say more than this one
        return FileReport(file_id=file.id, lines=file.lines or 0, refused=file.refused)
