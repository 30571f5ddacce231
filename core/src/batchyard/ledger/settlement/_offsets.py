"""The index of a result file: its rows in the order of the input, and where they are."""

from __future__ import annotations

import mmap
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from batchyard.errors import SourceError
from batchyard.lines import open_regular

__all__ = ["MADE", "Entry", "Offsets", "OffsetsWriter"]

HEADER = struct.Struct(">4sIQ")
"""Magic, version, number of entries."""
ENTRY = struct.Struct(">IQQIB")
"""Number of the line, position in the file as it is read in order, offset in the file as it
is on disk, length without the end, outcome."""
MAGIC = b"BYRX"
VERSION = 1

MADE = 0x80
"""Beside an outcome: the row was made here, since the provider gave none."""

READ = 4096
"""Entries read together."""

_pack = ENTRY.pack


class Entry(NamedTuple):
    number: int
    position: int
    offset: int
    length: int
    code: int


class OffsetsWriter:
    """Writes the entries, which come in the order of their numbers."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0
        self.bytes = 0
        """Of the rows, with their ends."""
        file.write(HEADER.pack(MAGIC, VERSION, 0))

    def add(self, number: int, offset: int, length: int, code: int) -> None:
        self._file.write(_pack(number, self.bytes, offset, length, code))
        self.count += 1
        self.bytes += length + 1

    def add_all(
        self, numbers: Iterable[int], offsets: Sequence[int], lengths: Sequence[int], code: int
    ) -> None:
        """Many with one outcome."""
        positions = list(accumulate((length + 1 for length in lengths), initial=self.bytes))
        self.bytes = positions.pop()
        self.count += len(positions)
        entries = map(_pack, numbers, positions, offsets, lengths, repeat(code))
        self._file.write(b"".join(entries))

    def finish(self) -> None:
        self._file.seek(0)
        self._file.write(HEADER.pack(MAGIC, VERSION, self.count))


class Offsets:
    """Reads an index; a context manager."""

    def __init__(self, path: Path) -> None:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            count, odd = divmod(size - HEADER.size, ENTRY.size)
            if count < 0 or odd or file.read(HEADER.size) != HEADER.pack(MAGIC, VERSION, count):
                raise SourceError(f"the index of a result file is damaged: {path.name!r}")
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._count = count

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

    def __getitem__(self, place: int) -> Entry:
        return Entry._make(ENTRY.unpack_from(self._data, HEADER.size + place * ENTRY.size))

    @property
    def bytes(self) -> int:
        """Of all rows, with their ends."""
        if not self._count:
            return 0
        last = self[self._count - 1]
        return last.position + last.length + 1

    def of_number(self, number: int) -> Entry | None:
        place = bisect_left(range(self._count), number, key=lambda one: self[one].number)
        entry = self[place] if place < self._count else None
        return entry if entry is not None and entry.number == number else None

    def entries(self, position: int = 0) -> Iterator[Entry]:
        """All from the one that has the byte at *position* in it."""
        places = range(self._count)
        first = max(0, bisect_right(places, position, key=lambda one: self[one].position) - 1)
        return self._from(first)

    def behind(self, number: int) -> Iterator[Entry]:
        """All whose lines come after the one of that number."""
        places = range(self._count)
        return self._from(bisect_right(places, number, key=lambda one: self[one].number))

    def _from(self, first: int) -> Iterator[Entry]:
        for start in range(first, self._count, READ):
            end = min(start + READ, self._count)
            piece = self._data[HEADER.size + start * ENTRY.size : HEADER.size + end * ENTRY.size]
            yield from map(Entry._make, ENTRY.iter_unpack(piece))
