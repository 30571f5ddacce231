"""Reading line indexes."""

from __future__ import annotations

import hashlib
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from batchyard.errors import SourceError
from batchyard.lines._entries import ENTRY, HEADER, MAGIC, VERSION, hash_id
from batchyard.lines._regular import BLOCK, StrPath, open_regular

__all__ = ["LineIndex", "Place"]

Place: TypeAlias = tuple[int, int]
"""Offset and length of a line, in bytes."""

READ = 4096
"""Entries looked at together while the whole index is walked."""


class LineIndex:
    """Where the lines of a file are, by ``custom_id``; a context manager.

    The index keeps hashes, so what it answers are candidates: read the line and
    compare its ``custom_id``.
    """

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self._data = data
        self._path = path
        self._count = (len(data) - HEADER.size) // ENTRY.size

    @classmethod
    def open(cls, path: StrPath) -> Self:
        """Raises :class:`SourceError` for a file that is not a whole index of this version."""
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(HEADER.size)
            expected = HEADER.pack(MAGIC, VERSION, max(0, size - HEADER.size) // ENTRY.size)
            if header != expected or (size - HEADER.size) % ENTRY.size:
                raise _damaged(Path(path))
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(data, Path(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._data.close()

    def __len__(self) -> int:
        return self._count

    def find(self, custom_id: str) -> tuple[Place, ...]:
        """The lines that may have that ``custom_id``, in the order of the file."""
        wanted = hash_id(custom_id)
        number = bisect_left(range(self._count), wanted, key=self._hash_at)
        found = []
        while number < self._count and self._hash_at(number) == wanted:
            _, offset, length = ENTRY.unpack_from(self._data, _start(number))
            found.append((offset, length))
            number += 1
        return tuple(found)

    def duplicates(self) -> Iterator[tuple[Place, ...]]:
        """The lines that may share their ``custom_id``, group by group."""
        for first, second, others in self.rivals():
            yield (first, second, *others)

    def rivals(self) -> Iterator[tuple[Place, Place, Iterator[Place]]]:
        """The groups of :meth:`duplicates`, each to be used up before the next.

        So that a file of a million lines with one ``custom_id`` fits in memory.
        """
        for _, group in groupby(self.entries(), key=itemgetter(0)):
            places = ((offset, length) for _, offset, length in group)
            first = next(places)
            second = next(places, None)
            if second is not None:
                yield first, second, places

    def digest(self) -> str:
        """SHA-256 of the index, in hex: what its writer said, if it is undamaged."""
        sha256 = hashlib.sha256()
        for start in range(0, len(self._data), BLOCK):
            sha256.update(self._data[start : start + BLOCK])
        return sha256.hexdigest()

    def entries(self) -> Iterator[tuple[bytes, int, int]]:
        """Hash, offset and length of every line, in the order of the hashes."""
        previous = b""
        for number in range(0, self._count, READ):
            piece = self._data[_start(number) : _start(min(number + READ, self._count))]
            for entry in ENTRY.iter_unpack(piece):
                if entry[0] < previous:
                    raise _damaged(self._path)
                previous = entry[0]
                yield entry

    def _hash_at(self, number: int) -> bytes:
        start = _start(number)
        return self._data[start : start + 8]


def _start(number: int) -> int:
    return HEADER.size + number * ENTRY.size


def _damaged(path: Path) -> SourceError:
    return SourceError(f"{path} is not a whole line index of this version: build it again")
