"""Files on disk, read in blocks."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeAlias, cast

from batchyard.errors import InputError, SourceError

__all__ = ["BLOCK", "PassingBytes", "StrPath", "blocks", "open_regular"]

BLOCK = 256 * 1024
"""Bytes read at a time."""

StrPath: TypeAlias = str | os.PathLike[str]


def open_regular(path: StrPath) -> BinaryIO:
    """Open a regular file, unbuffered.  Raises :class:`InputError` for anything else."""
    try:
        # without NONBLOCK, opening a FIFO that nobody writes to would block for ever
        file = open(path, "rb", buffering=0, opener=_without_blocking)  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {os.fspath(path)!r}: {_reason(error)}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(f"cannot read {os.fspath(path)!r}: it is not a regular file")
    return cast("BinaryIO", file)


def blocks(file: BinaryIO, size: int = BLOCK) -> Iterator[bytes]:
    """What is left of the file.  Raises :class:`SourceError` when reading fails."""
    try:
        while block := file.read(size):
            yield block
    except OSError as error:
        raise SourceError(f"cannot read {file.name!r}: {_reason(error)}") from error


class PassingBytes:
    """Bytes, counted as they pass by, and hashed if that is wanted: it takes as long as the rest.

    ``head`` is the first three of them.
    """

    def __init__(self, chunks: Iterable[bytes], *, hashed: bool) -> None:
        self._chunks = chunks
        # hashing in a thread was measured, and gained nothing
        self._sha256 = hashlib.sha256() if hashed else None
        self.length = 0
        self.head = b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._sha256 is not None:
                self._sha256.update(chunk)
            if self.length < 3:
                self.head = (self.head + chunk[:3])[:3]
            self.length += len(chunk)
            yield chunk

    def hexdigest(self) -> str | None:
        """SHA-256 of what has been read, if it was wanted."""
        return None if self._sha256 is None else self._sha256.hexdigest()


def _without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
