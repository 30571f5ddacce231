"""The entries of a line index, and sorting more of them than memory should hold."""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from itertools import islice
from operator import methodcaller
from pathlib import Path

from batchyard.errors import InputError

__all__ = ["ENTRY", "HEADER", "MAGIC", "VERSION", "EntrySorter", "hash_id", "hash_ids"]

MAGIC = b"BYLX"
VERSION = 1
HEADER = struct.Struct(">4sIQ")
"""Magic, version, number of entries."""
ENTRY = struct.Struct(">8sQI")
"""Hash of the custom_id, offset, length.  Big-endian, so that entries sort as bytes do."""

RUN = 65_536
"""Entries sorted in memory at a time."""
READ = 512
"""Entries read from one run at a time."""


def hash_id(custom_id: str) -> bytes:
    """The same on every machine, unlike ``hash``."""
    return blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def hash_ids(custom_ids: Iterable[str]) -> Iterator[bytes]:
    """:func:`hash_id` of many, without a step of Python for each."""
    return map(_digest, map(_blake2b, map(str.encode, custom_ids)))


_blake2b = partial(blake2b, digest_size=8)
_digest = methodcaller("digest")


class EntrySorter:
    """Sorts entries in runs of 65,536, all but the last in a temporary file."""

    def __init__(self, folder: Path) -> None:
        self._spilled = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - until close()
        self._runs = 0
        self._run: list[bytes] = []

    @property
    def count(self) -> int:
        return self._runs * RUN + len(self._run)

    def add(self, custom_id: str, offset: int, length: int) -> None:
        try:
            entry = ENTRY.pack(hash_id(custom_id), offset, length)
        except struct.error as error:
            raise InputError(
                f"a line of {length} bytes at {offset} cannot be indexed: shorten it to less "
                "than 4 GiB"
            ) from error
        self._run.append(entry)
        if len(self._run) == RUN:
            self._spill()

    def merged(self) -> Iterator[bytes]:
        """All entries in order, several to a piece.  No more can be added."""
        self._run.sort()
        ordered = heapq.merge(*map(self._spilled_run, range(self._runs)), self._run)
        while piece := b"".join(islice(ordered, READ)):
            yield piece

    def close(self) -> None:
        self._spilled.close()

    def _spill(self) -> None:
        self._run.sort()
        self._spilled.write(b"".join(self._run))
        self._runs += 1
        self._run = []

    def _spilled_run(self, run: int) -> Iterator[bytes]:
        first = run * RUN
        for number in range(first, first + RUN, READ):
            # the runs share one file and take turns
            self._spilled.seek(number * ENTRY.size)
            piece = self._spilled.read(READ * ENTRY.size)
            for start in range(0, len(piece), ENTRY.size):
                yield piece[start : start + ENTRY.size]
