"""The fixed-size records that stand for rows while they are matched.

They are bytes, so that sorting compares them in C, and big-endian, so that
they sort as their fields do.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from batchyard.models import OUTCOMES

__all__ = [
    "ABSENT",
    "CODES",
    "MALFORMED_INPUT",
    "OK",
    "REPEATED_INPUT",
    "RESULT",
    "VERDICT",
    "Sorter",
    "Verdict",
    "columns_of",
    "place_of",
]

RESULT = struct.Struct(">8sBHQIB")
"""A row: hash of its custom_id, whether it is no success, source, offset, length, outcome.

The first of the rows with one hash is the one that counts: a success before
all else, then the earlier job, the earlier file, the earlier line.
"""

VERDICT = struct.Struct(">QBHQIB")
"""The row of an input line: the line's offset, and all of ``RESULT`` but the hash."""

HASH = 8

ABSENT = 0xFFFF
"""In place of a source: there is no row; offset and length are those of the input line."""
REPEATED_INPUT = 0xFFFE
"""Likewise, and the input has the id more than once."""
MALFORMED_INPUT = 0xFFFD
"""Likewise, and the line is no request."""

# they are kept on disk, so that new outcomes can only be added at the end
CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
OK = CODES["ok"]

RUN = 65_536
"""Records sorted in memory at a time."""
READ = 1024
"""Records read from one run at a time."""


class Verdict(NamedTuple):
    line: int
    failed: int
    source: int
    offset: int
    length: int
    code: int


def columns_of(verdicts: list[bytes]) -> list[tuple[int, ...]]:
    """The fields of many verdicts, one column for each field."""
    fields = struct.unpack(">" + "QBHQIB" * len(verdicts), b"".join(verdicts))
    return [fields[number::6] for number in range(6)]


def place_of(row: bytes) -> tuple[int, int, int]:
    """Source, offset and length of a ``RESULT``."""
    _, _, source, offset, length, _ = RESULT.unpack(row)
    return source, offset, length


class Sorter:
    """Sorts records of one size, and keeps no more than 65,536 of them in memory."""

    def __init__(self, size: int, folder: Path) -> None:
        self._size = size
        self._folder = folder
        # most batches are small, and need none
        self._spilled: BinaryIO | None = None
        self._lengths: list[int] = []
        self._run: list[bytes] = []

    def extend(self, records: Iterable[bytes]) -> None:
        self._run.extend(records)
        if len(self._run) >= RUN:
            self._spill()

    def sorted(self) -> Iterator[bytes]:
        """All of them, in order.  No more can be added."""
        self._run.sort()
        file = self._spilled
        if file is None:
            return iter(self._run)
        runs = (self._spilled_run(file, run) for run in range(len(self._lengths)))
        return heapq.merge(*runs, self._run)

    def close(self) -> None:
        self._run = []
        if self._spilled is not None:
            self._spilled.close()

    def _spill(self) -> None:
        if self._spilled is None:
            self._spilled = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - until close()
        self._run.sort()
        self._spilled.write(b"".join(self._run))
        self._lengths.append(len(self._run))
        self._run = []

    def _spilled_run(self, file: BinaryIO, run: int) -> Iterator[bytes]:
        first = sum(self._lengths[:run])
        places = iter(range(first, first + self._lengths[run]))
        while piece := list(islice(places, READ)):
            # the runs share one file and take turns
            file.seek(piece[0] * self._size)
            data = file.read(len(piece) * self._size)
            for start in range(0, len(data), self._size):
                yield data[start : start + self._size]
