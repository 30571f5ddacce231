"""Bodies that can be read again from the start."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias, cast

from batchyard.effects import Source
from batchyard.errors import InputError, SourceError

__all__ = [
    "BLOCK",
    "BytesSource",
    "FileContent",
    "FileSource",
    "PathSource",
    "named_source",
    "spooled",
]

BLOCK = 256 * 1024
"""Bytes read from a file at a time."""

FileContent: TypeAlias = (
    "bytes | str | os.PathLike[str] | IO[bytes] | Source | Iterable[bytes] "
    "| tuple[str, FileContent] | tuple[str, FileContent, str]"
)
"""What ``files.create`` takes: bytes, a path, a URI that the account can read, an open binary
file, a source, pieces to spool, or a tuple that puts the file's name (and its type) before one
of these."""


@dataclass(frozen=True, slots=True)
class BytesSource:
    """Bytes in memory."""

    data: bytes = field(repr=False)

    @property
    def length(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), BLOCK):
            yield self.data[start : start + BLOCK]


class PathSource:
    """A regular file on disk, opened anew at each pass.

    Raises :class:`InputError` at once for a path that is no readable regular
    file, and :class:`SourceError` while reading one that has changed its size.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                # a FIFO would block for ever, and could not be read a second time
                raise InputError(f"cannot read {self.path}: it is not a regular file", param="file")
            self.path.open("rb").close()
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {self.path}: {_why(error)}", param="file") from error
        self.length = status.st_size

    def chunks(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb", buffering=0) as file:
                yield from _read_exactly(file.read, self.length, str(self.path))
        except OSError as error:
            raise SourceError(f"cannot read {self.path}: {_why(error)}") from error


class FileSource:
    """An open, seekable binary file, from where it stood when this was made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._start = file.tell()
        self.length = file.seek(0, os.SEEK_END) - self._start
        file.seek(self._start)

    def chunks(self) -> Iterator[bytes]:
        position = self._start

        def read(size: int) -> bytes:
            nonlocal position
            # the file has one position, and a pass that was given up may still be about
            with self._lock:
                self._file.seek(position)
                block = self._file.read(size)
            position += len(block)
            return block

        try:
            yield from _read_exactly(read, self.length, "the file")
        except (OSError, ValueError) as error:
            raise SourceError(f"cannot read the file: {_why(error)}") from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_exactly(read: Callable[[int], bytes], length: int, name: str) -> Iterator[bytes]:
    left = length
    while left:
        block = read(min(BLOCK, left))
        if not block:
            raise SourceError(f"{name} became shorter while it was read")
        left -= len(block)
        yield block
    if read(1):
        raise SourceError(f"{name} became longer while it was read")


class _Spool(FileSource):
    """A temporary file that goes when nothing refers to it any more."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        weakref.finalize(self, file.close)


def spooled(pieces: Iterable[bytes]) -> Source:
    """Write *pieces* to a temporary file: it knows their length, and can be read again."""
    file = tempfile.TemporaryFile(prefix="batchyard-")  # noqa: SIM115 - the source owns it
    try:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _Spool(file)


def named_source(content: FileContent, default: str = "batch.jsonl") -> tuple[Source, str]:
    """The source that *content* stands for, and the file's name.

    Reads an iterable to its end, so call it where blocking is allowed.
    Raises :class:`InputError` for what cannot be a file.
    """
    if isinstance(content, tuple):
        name, inner = content[0], content[1]
        return named_source(inner, default)[0], _base_name(name) or default
    if isinstance(content, bytes | bytearray | memoryview):
        return BytesSource(bytes(content)), default
    if isinstance(content, str | os.PathLike):
        return PathSource(content), _base_name(os.fspath(content)) or default
    if hasattr(content, "chunks") and hasattr(content, "length"):
        return cast("Source", content), default
    if hasattr(content, "read"):
        return _from_file(cast("IO[bytes]", content), default)
    if isinstance(content, Iterable):
        return spooled(_pieces(content)), default
    raise InputError(f"a {type(content).__name__} is not a file", param="file")


def _from_file(file: IO[bytes], default: str) -> tuple[Source, str]:
    name = getattr(file, "name", None)
    filename = (_base_name(name) if isinstance(name, str) else "") or default
    try:
        text = isinstance(file.read(0), str)
        seekable = hasattr(file, "seekable") and file.seekable()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the file: {_why(error)}", param="file") from error
    if text:
        raise InputError("the file is open in text mode; open it with 'rb'", param="file")
    if seekable:
        return FileSource(file), filename
    return spooled(_pieces(iter(lambda: file.read(BLOCK), b""))), filename


def _pieces(content: Iterable[object]) -> Iterator[bytes]:
    for piece in content:
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise InputError(
                f"pieces of a file must be bytes, not {type(piece).__name__}", param="file"
            )
        yield bytes(piece)


def _base_name(path: str) -> str:
    """The last part of a path, of either kind of slash: a name must not say where it came from."""
    return path.replace("\\", "/").rpartition("/")[2]
