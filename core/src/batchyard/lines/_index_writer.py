"""Writing line indexes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from batchyard.errors import BatchyardError
from batchyard.lines._entries import HEADER, MAGIC, VERSION, EntrySorter
from batchyard.lines._regular import StrPath

__all__ = ["IndexInfo", "LineIndexWriter"]


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """How many lines an index has, and its SHA-256 in hex."""

    count: int
    digest: str


class LineIndexWriter:
    """Writes an index: where in a file the line with a given ``custom_id`` is.

    A context manager.  The index appears at *path* when :meth:`finish` returns,
    whole; without that, or after an exception, nothing is left behind.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = Path(path)
        with self._writing():
            self._entries = EntrySorter(self._path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entries.close()

    def add(self, custom_id: str, offset: int, length: int) -> None:
        """Raises :class:`InputError` for a length that does not fit 32 bits."""
        try:
            self._entries.add(custom_id, offset, length)
        except OSError as error:
            raise self._unwritten(error) from error

    def finish(self) -> IndexInfo:
        """Write the index, to the disk itself, and put it in its place."""
        with self._writing():
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
            try:
                with os.fdopen(handle, "wb") as file:
                    digest = self._write(file)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync_folder(self._path.parent)
        return IndexInfo(self._entries.count, digest)

    def _write(self, file: IO[bytes]) -> str:
        header = HEADER.pack(MAGIC, VERSION, self._entries.count)
        sha256 = hashlib.sha256(header)
        file.write(header)
        for piece in self._entries.merged():
            sha256.update(piece)
            file.write(piece)
        return sha256.hexdigest()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> BatchyardError:
        return BatchyardError(f"cannot write the line index {self._path}: {error.strerror}")


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
