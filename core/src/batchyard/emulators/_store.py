from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

BLOCK = 256 * 1024


class StoreFullError(Exception):
    """The store holds as many bytes as it may."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes on disk that no longer change."""

    path: Path
    size: int

    async def stream(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `stop`, in blocks read off the event loop."""
        position, end = start, self.size if stop is None else stop
        with self.path.open("rb") as file:
            file.seek(start)
            while position < end:
                block = await asyncio.to_thread(file.read, min(BLOCK, end - position))
                if not block:
                    return
                position += len(block)
                yield block


class FileStore:
    """File bodies, spooled to a temporary directory that goes when the store does.

    Nothing is kept in memory, and all bodies together stay below `max_bytes`. Every method blocks
    and may be called from any thread.
    """

    def __init__(self, max_bytes: int = 16 * 1024**3) -> None:
        self._max_bytes = max_bytes
        self._used = 0
        self._names = count()
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="batchyard-emulator-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    @property
    def used(self) -> int:
        """Bytes held, unfinished writes included."""
        return self._used

    def writer(self) -> BlobWriter:
        return BlobWriter(self, self._new_path())

    def link(self, blob: Blob) -> Blob:
        """A second name for a blob's bytes, so that they outlive its deletion."""
        path = self._new_path()
        os.link(blob.path, path)
        self.reserve(blob.size)
        return Blob(path, blob.size)

    def delete(self, blob: Blob) -> None:
        blob.path.unlink(missing_ok=True)
        self.release(blob.size)

    def reserve(self, size: int) -> None:
        with self._lock:
            if self._used + size > self._max_bytes:
                raise StoreFullError(f"the store holds at most {self._max_bytes} bytes")
            self._used += size

    def release(self, size: int) -> None:
        with self._lock:
            self._used -= size

    def close(self) -> None:
        self._finalizer()

    def _new_path(self) -> Path:
        return self._folder / f"{next(self._names):08d}"


class BlobWriter:
    """Collects bytes into a blob. Keeps no file open between writes: there may be many."""

    def __init__(self, store: FileStore, path: Path) -> None:
        self._store = store
        self._path = path
        self.size = 0

    def write(self, data: bytes | bytearray) -> None:
        self._store.reserve(len(data))
        self.size += len(data)
        with self._path.open("ab") as file:
            file.write(data)

    def commit(self) -> Blob:
        self._path.touch()
        return Blob(self._path, self.size)

    def discard(self) -> None:
        self._store.delete(Blob(self._path, self.size))
        self.size = 0
