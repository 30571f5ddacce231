"""Some lines of a file, from all over it."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TypeAlias

from batchyard.errors import SourceError
from batchyard.lines import MAX_LINE
from batchyard.sources import Source
from batchyard.steps import BytesSource, PathSource

__all__ = ["Body", "opened"]

WINDOWS = 48
"""Places that lines are taken from."""

WINDOW = 64 * 1024
"""Bytes of lines taken at each."""

BLOCK = 1024 * 1024

COUNTING = 0.2
"""Seconds of the processor's time that counting lines may take: a gigabyte takes about as long."""

BOM = b"\xef\xbb\xbf"

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Offset and size to bytes; fewer of them at the end."""


@dataclass(frozen=True, slots=True)
class Body:
    """A file that can be read anywhere."""

    size: int
    _read: ReadAt

    @property
    def small(self) -> bool:
        """Whether all of it is the sample."""
        return self.size <= WINDOWS * WINDOW

    def sample(self) -> Iterator[bytes]:
        """Lines from places all over the file, in no order; the same ones each time.

        All of them, in their order, of a small file.  Lines that are too long to be
        taken are left out.
        """
        if self.small:
            yield from self._lines(len(BOM) if self._read(0, len(BOM)) == BOM else 0, self.size)
            return
        stride = self.size // WINDOWS
        chance = random.Random(self.size)  # noqa: S311 - nothing is secret about it
        places = [
            stride * number + chance.randrange(max(1, stride - WINDOW)) for number in range(WINDOWS)
        ]
        chance.shuffle(places)
        starts = [self._next_line(place) for place in places]
        # in a file of a few enormous lines, nothing may begin after any of the places
        for start in [one for one in starts if one < self.size] or [0]:
            yield from self._lines(start, WINDOW)

    def count_lines(self) -> int | None:
        """How many lines there are, or ``None`` if counting them would take too long."""
        until = time.thread_time() + COUNTING
        count, last = 0, b"\n"
        for offset in range(0, self.size, BLOCK):
            block = self._read(offset, BLOCK)
            count += block.count(b"\n")
            last = block[-1:]
            if time.thread_time() > until:
                return None
        return count + (last != b"\n")

    def _lines(self, start: int, size: int) -> Iterator[bytes]:
        """The lines from *start* on, of *size* bytes together or a little more."""
        taken = 0
        offset = start
        held = b""
        while taken < size:
            # of a long line, the rest in larger pieces
            block = self._read(offset + len(held), BLOCK if held else WINDOW)
            if not block:
                break
            lines = (held + block).split(b"\n")
            held = lines.pop()
            for line in lines:
                yield line
                offset += len(line) + 1
                taken += len(line) + 1
                if taken >= size:
                    return
            if len(held) > MAX_LINE:
                return
        if held and taken < size:
            yield held

    def _next_line(self, place: int) -> int:
        """Where the first line after *place* starts, or the file's last one."""
        for offset in range(place, min(place + MAX_LINE, self.size), BLOCK):
            found = self._read(offset, BLOCK).find(b"\n")
            if found >= 0:
                return offset + found + 1
        return self.size


@contextmanager
def opened(source: Source) -> Iterator[Body]:
    """The source, to be read anywhere: one that is neither bytes nor a path is copied first."""
    if isinstance(source, BytesSource):
        data = source.data
        yield Body(len(data), lambda offset, size: data[offset : offset + size])
    elif isinstance(source, PathSource):
        with _open(source) as file:
            yield Body(source.length, _reader(file))
    else:
        with tempfile.TemporaryFile(prefix="batchyard-") as copy:
            copy.writelines(source.chunks())
            yield Body(copy.tell(), _reader(copy))


def _open(source: PathSource) -> IO[bytes]:
    try:
        return source.path.open("rb", buffering=0)
    except OSError as error:
        raise SourceError(f"cannot read {source.path}: {error.strerror}") from error


def _reader(file: IO[bytes]) -> ReadAt:
    def read(offset: int, size: int) -> bytes:
        try:
            file.seek(offset)
            return file.read(size)
        except OSError as error:
            raise SourceError(f"cannot read the file: {error.strerror}") from error

    return read
