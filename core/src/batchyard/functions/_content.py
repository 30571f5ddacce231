"""A file's bytes as the ``openai`` package hands them over."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

__all__ = ["BinaryContent"]

BLOCK = 256 * 1024


class BinaryContent:
    """The content of a file, kept in a temporary file: read it whole, or in pieces.

    The file goes when this object does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._finalizer = weakref.finalize(self, path.unlink, missing_ok=True)

    @classmethod
    def spool(cls) -> BinaryContent:
        handle, name = tempfile.mkstemp(prefix="batchyard-")
        os.close(handle)
        return cls(Path(name))

    @property
    def content(self) -> bytes:
        """All of it, in memory."""
        return self.path.read_bytes()

    @property
    def text(self) -> str:
        return self.content.decode()

    def read(self) -> bytes:
        return self.content

    async def aread(self) -> bytes:
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Pieces of ``chunk_size`` bytes."""
        with self.path.open("rb") as file:
            yield from iter(lambda: file.read(chunk_size or BLOCK), b"")

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        for piece in self.iter_bytes(chunk_size):
            yield piece

    def iter_lines(self) -> Iterator[str]:
        with self.path.open(encoding="utf-8", newline="") as file:
            for line in file:
                yield line.rstrip("\r\n")

    def write_to_file(self, file: str | os.PathLike[str]) -> None:
        """Copy it to *file*."""
        shutil.copyfile(self.path, file)
