from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from batchyard.emulators._store import Blob, FileStore
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


@dataclass(frozen=True, slots=True)
class File:
    """A stored file. Times are in Unix seconds; `ready_at` is when it stops being `pending`."""

    id: str
    sequence: int
    purpose: str
    filename: str
    blob: Blob
    created_at: float
    ready_at: float
    expires_at: int | None

    @property
    def place(self) -> tuple[int, int]:
        return int(self.created_at), self.sequence

    def state(self, now: float) -> str:
        return "processed" if now >= self.ready_at else "pending"

    def document(self, now: float) -> dict[str, Any]:
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.blob.size,
            "created_at": int(self.created_at),
            "expires_at": self.expires_at,
            "status": self.state(now),
            "status_details": None,
        }


@dataclass(frozen=True, slots=True)
class NewFile:
    purpose: str
    filename: str
    blob: Blob
    life: int | None
    """Seconds until it expires; None for never."""


class FileShelf:
    """The files of an emulator, by id. Expired ones are gone as soon as anybody looks."""

    def __init__(self, store: FileStore, dialect: Dialect, time_scale: float) -> None:
        self.store = store
        self._dialect = dialect
        self._processing = dialect.processing_seconds * time_scale
        self._sequence = count()
        self._files: dict[str, File] = {}

    def add(self, new: NewFile, at: float, *, processing: bool = False) -> File:
        """Shelve a file as created `at`; `processing` if it starts out as `pending`."""
        file = File(
            id=self._dialect.new_file_id(new.purpose),
            sequence=next(self._sequence),
            purpose=new.purpose,
            filename=new.filename,
            blob=new.blob,
            created_at=at,
            ready_at=at + self._processing if processing else at,
            expires_at=None if new.life is None else int(at) + new.life,
        )
        self._files[file.id] = file
        return file

    def find(self, file_id: str, now: float) -> File | None:
        file = self._files.get(file_id)
        if file is not None and file.expires_at is not None and file.expires_at <= now:
            self._drop(file)
            return None
        return file

    def get(self, file_id: str, now: float) -> File:
        file = self.find(file_id, now)
        if file is None:
            raise ApiError(f"No such File object: {file_id}", status=404, param="id")
        return file

    def delete(self, file_id: str, now: float) -> None:
        self._drop(self.get(file_id, now))

    def all(self, now: float, purpose: str | None = None) -> list[File]:
        """The living files, oldest first."""
        living = [file for file_id in tuple(self._files) if (file := self.find(file_id, now))]
        wanted = [file for file in living if purpose in (None, file.purpose)]
        return sorted(wanted, key=lambda file: file.place)

    def _drop(self, file: File) -> None:
        if self._files.pop(file.id, None) is not None:
            self.store.delete(file.blob)
