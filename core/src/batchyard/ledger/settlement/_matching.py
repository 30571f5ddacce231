"""Which row each input line gets.

Lines and rows are matched by the hashes of their ids, both in order.  Where
several share a hash, the ids themselves are read and compared.  Where one line
and one row do, they belong together: that two ids of one batch have one hash
of 64 bits by accident, and that just these two have no other partner, is not
going to happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from struct import Struct
from typing import BinaryIO

from batchyard.ledger.settlement._inputs import END, InputGroup
from batchyard.ledger.settlement._rows import (
    ABSENT,
    HASH,
    REPEATED_INPUT,
    VERDICT,
    Sorter,
    place_of,
)
from batchyard.ledger.settlement._sources import Sources, Strays, read_at
from batchyard.lines import decode_result

__all__ = ["Matching"]

_line = Struct(">Q").pack
CHUNK = 4096
"""Verdicts handed over together."""


class Matching:
    """Gives every line its verdict, and every row to a line or to the strays."""

    def __init__(self, sources: Sources, strays: Strays, verdicts: Sorter) -> None:
        self._sources = sources
        self._strays = strays
        self._verdicts = verdicts

    def with_input(
        self, groups: Iterable[InputGroup], rows: Iterator[bytes], file: BinaryIO
    ) -> None:
        """Both in the order of their hashes; *file* is the input."""
        made: list[bytes] = []
        row = next(rows, END)
        for lines in groups:
            hash_, offset, _ = lines[0]
            while row[:HASH] < hash_ and row is not END:
                self._strays.stranger(row)
                row = next(rows, END)
            if row[:HASH] != hash_:
                made += (_absent(line, ABSENT) for line in lines)
            else:
                following = next(rows, END)
                if following[:HASH] != hash_ and len(lines) == 1:
                    made.append(_line(offset) + row[HASH:])
                    row = following
                else:
                    candidates = _Group(chain((row, following), rows), hash_)
                    made += self._contested(lines, candidates, file)
                    row = candidates.after
            if len(made) >= CHUNK:
                self._verdicts.extend(made)
                made = []
        self._verdicts.extend(made)
        for stranger in chain(() if row is END else (row,), rows):
            self._strays.stranger(stranger)

    def without_input(self, rows: Iterator[bytes]) -> int:
        """Every id is a line, where its first row is.  Returns how many there are."""
        lines = 0
        row = next(rows, END)
        while row is not END:
            following = next(rows, END)
            if following[:HASH] != row[:HASH]:
                self._verdicts.extend((_in_place(row),))
                lines += 1
                row = following
                continue
            candidates = _Group(chain((row, following), rows), row[:HASH])
            first = self._first_of_each(candidates)
            self._verdicts.extend(map(_in_place, first.values()))
            lines += len(first)
            row = candidates.after
        return lines

    def _contested(self, lines: InputGroup, candidates: _Group, file: BinaryIO) -> Iterator[bytes]:
        first = self._first_of_each(candidates)
        ids = [_id_at(file, offset, length) for _, offset, length in lines]
        given = Counter(ids)
        for line, custom_id in zip(lines, ids, strict=True):
            row = first.get(custom_id)
            if row is None:
                yield _absent(line, ABSENT)
            elif given[custom_id] == 1:
                yield _line(line[1]) + row[HASH:]
            else:
                # no result may go to a line that it may not belong to
                yield _absent(line, REPEATED_INPUT)
        for custom_id, row in first.items():
            if given[custom_id] != 1:
                self._strays.stranger(row)

    def _first_of_each(self, candidates: _Group) -> dict[str, bytes]:
        """The row that counts of each id; the others are duplicates."""
        first: dict[str, bytes] = {}
        for row in candidates:
            number, offset, length = place_of(row)
            custom_id = self._sources[number].row(offset, length).custom_id
            if first.setdefault(custom_id, row) is not row:
                self._strays.duplicate(row)
        return first


class _Group:
    """The rows at the start of *rows* that have that hash; then ``after`` is the next one."""

    def __init__(self, rows: Iterator[bytes], hash_: bytes) -> None:
        self._rows = rows
        self._hash = hash_
        self.after = END

    def __iter__(self) -> Iterator[bytes]:
        for row in self._rows:
            if row[:HASH] != self._hash:
                self.after = row
                return
            yield row


def _in_place(row: bytes) -> bytes:
    """The verdict of a line that is known by its row alone: the order is that of the files."""
    number, offset, _ = place_of(row)
    return _line(number << 48 | offset) + row[HASH:]


def _absent(line: tuple[bytes, int, int], why: int) -> bytes:
    _, offset, length = line
    return VERDICT.pack(offset, 1, why, offset, length, 0)


def _id_at(file: BinaryIO, offset: int, length: int) -> str:
    return decode_result(read_at(file.fileno(), offset, length)).custom_id
