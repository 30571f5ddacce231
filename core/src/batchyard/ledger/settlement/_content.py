"""Reading result files, from any byte or line on, in the order of the input."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from batchyard.ledger.settlement._offsets import MADE, Entry, Offsets
from batchyard.ledger.settlement._sources import read_at
from batchyard.lines import open_regular
from batchyard.models import OUTCOMES, Outcome

__all__ = ["ResultContent", "Row"]

BLOCK = 256 * 1024
"""Bytes handed over at a time, at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a result file, without its line end.

    ``number`` is that of the request in the input, from 1, blank lines not
    counted.  ``made`` says that the provider gave no row, and this is ours.
    """

    number: int
    outcome: Outcome
    made: bool
    data: bytes


class ResultContent:
    """A result file with its index; a context manager.  Its methods block.

    On disk the rows may be in the order in which they were completed; here they
    are in the order of the input, unless that is not wanted.
    """

    def __init__(self, content: Path, offsets: Path) -> None:
        self._file = open_regular(content)
        try:
            self._offsets = Offsets(offsets)
        except BaseException:
            self._file.close()
            raise

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
        self._file.close()
        self._offsets.close()

    @property
    def size(self) -> int:
        """In bytes, whatever the order."""
        return self._offsets.bytes

    @property
    def lines(self) -> int:
        return len(self._offsets)

    def read(
        self, start: int = 0, stop: int | None = None, *, as_completed: bool = False
    ) -> Iterator[bytes]:
        """The bytes from *start* up to *stop*, in blocks of at most 256 KiB."""
        stop = self.size if stop is None else min(stop, self.size)
        if start >= stop:
            return
        runs = iter([(start, stop)]) if as_completed else self._runs(start, stop)
        held: list[bytes] = []
        size = 0
        for first, end in runs:
            for place in range(first, end, BLOCK):
                length = min(BLOCK, end - place)
                if size + length > BLOCK:
                    yield b"".join(held)
                    held, size = [], 0
                held.append(self._read(place, length))
                size += length
        yield b"".join(held)

    def line(self, number: int) -> bytes | None:
        """The row of the request of that number, or ``None`` if it is not in this file."""
        entry = self._offsets.of_number(number)
        return None if entry is None else self._read(entry.offset, entry.length)

    def rows(self, after: int = 0, outcomes: Collection[Outcome] | None = None) -> Iterator[Row]:
        """Those behind the request number *after*.

        With *outcomes* the bytes of the others are not read: their rows are empty.
        """
        for entry in self._offsets.behind(after):
            outcome = OUTCOMES[entry.code & ~MADE]
            wanted = outcomes is None or outcome in outcomes
            data = self._read(entry.offset, entry.length) if wanted else b""
            yield Row(entry.number, outcome, bool(entry.code & MADE), data)

    def _runs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Where on disk the bytes from *start* to *stop* are; neighbours are one."""
        first = end = -1
        for entry in self._offsets.entries(start):
            if entry.position >= stop:
                break
            begins, ends = _cut(entry, start, stop)
            if begins != end:
                if end > first:
                    yield first, end
                first = begins
            end = ends
        yield first, end

    def _read(self, offset: int, length: int) -> bytes:
        return read_at(self._file.fileno(), offset, length)


def _cut(entry: Entry, start: int, stop: int) -> tuple[int, int]:
    """Where on disk the part of the row is that lies between *start* and *stop*."""
    shift = entry.offset - entry.position
    begins = max(start, entry.position)
    ends = min(stop, entry.position + entry.length + 1)
    return begins + shift, ends + shift
