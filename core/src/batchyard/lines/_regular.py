"""Files on disk, read in blocks."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, TypeAlias, cast

from batchyard.errors import InputError, SourceError

__all__ = ["BLOCK", "DigestedBlocks", "StrPath", "blocks", "open_regular"]

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


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """What is left of the file.  Raises :class:`SourceError` when reading fails."""
    try:
        while block := file.read(BLOCK):
            yield block
    except OSError as error:
        raise SourceError(f"cannot read {file.name!r}: {_reason(error)}") from error


class DigestedBlocks:
    """The blocks of a file, hashed and counted as they pass by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # hashing in a thread was measured, and gained nothing
        self._sha256 = hashlib.sha256()
        self.length = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in blocks(self._file):
            self._sha256.update(block)
            self.length += len(block)
            yield block

    def hexdigest(self) -> str:
        """SHA-256 of what has been read."""
        return self._sha256.hexdigest()


def _without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
