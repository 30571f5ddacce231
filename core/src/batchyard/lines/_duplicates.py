"""Lines that share their ``custom_id``."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import chain
from typing import BinaryIO

from batchyard.errors import LineProblem, SourceError
from batchyard.lines._faults import custom_id_of
from batchyard.lines._index import LineIndex, Place
from batchyard.lines._regular import blocks

__all__ = ["duplicate_problems"]


def duplicate_problems(
    file: BinaryIO, index: LineIndex, most: int
) -> tuple[list[LineProblem], int]:
    """The first *most* lines whose ``custom_id`` an earlier line has, and how many there are."""
    count = 0
    # a heap whose top is the latest line, the first to go
    kept: list[tuple[int, int, str]] = []
    for offset, original, custom_id in _duplicates(file, index):
        count += 1
        keep = heapq.heappush if count <= most else heapq.heappushpop
        keep(kept, (-offset, original, custom_id))
    numbers = _line_numbers(file, {place for one in kept for place in (-one[0], one[1])})
    return [
        LineProblem(
            numbers[-offset],
            "duplicate_custom_id",
            f"`custom_id` {custom_id} is that of line {numbers[original]} too. "
            "Give each line one of its own.",
            "custom_id",
        )
        for offset, original, custom_id in sorted(kept, reverse=True)
    ], count


def _duplicates(file: BinaryIO, index: LineIndex) -> Iterator[tuple[int, int, str]]:
    """Offsets of the line and of the first with its ``custom_id``, and the id to show."""
    for first, second, others in index.rivals():
        originals: dict[bytes, int] = {}
        for offset, custom_id in _ids(file, chain((first, second), others)):
            identity = sha256(custom_id.encode()).digest()
            original = originals.setdefault(identity, offset)
            if original != offset:
                yield offset, original, _shown(custom_id)


def _ids(file: BinaryIO, places: Iterable[Place]) -> Iterator[tuple[int, str]]:
    for offset, length in places:
        try:
            file.seek(offset)
            custom_id = custom_id_of(file.read(length))
        except OSError as error:
            raise SourceError(f"cannot read {file.name!r}: {error.strerror}") from error
        if custom_id is None:
            raise SourceError(f"{file.name!r} changed while it was read")
        yield offset, custom_id


def _line_numbers(file: BinaryIO, offsets: set[int]) -> dict[int, int]:
    """The number, from 1, of the line at each offset."""
    numbers: dict[int, int] = {}
    wanted = sorted(offsets, reverse=True)
    number = 1
    start = 0
    file.seek(0)
    for block in blocks(file):
        seen = 0
        while wanted and wanted[-1] < start + len(block):
            position = wanted[-1] - start
            number += block.count(b"\n", seen, position)
            seen = position
            numbers[wanted.pop()] = number
        if not wanted:
            break
        number += block.count(b"\n", seen)
        start += len(block)
    if wanted:
        raise SourceError(f"{file.name!r} became shorter while it was read")
    return numbers


def _shown(custom_id: str) -> str:
    return repr(custom_id if len(custom_id) <= 80 else f"{custom_id[:80]}…")
