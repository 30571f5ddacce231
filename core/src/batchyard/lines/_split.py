"""Bytes into lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TypeAlias

__all__ = ["BOM", "MAX_LINE", "MAX_RESULT_LINE", "RawLine", "count_lines", "is_blank", "split"]

MAX_LINE = 16 * 1024 * 1024
"""Bytes an input line may have."""

MAX_RESULT_LINE = 256 * 1024 * 1024
"""Bytes a result line may have: one of ten images in base64 takes tens of megabytes."""

RawLine: TypeAlias = tuple[int, int, bytes | None]
"""Offset and length in bytes, without the line's end, and the bytes: ``None`` if too many."""

BOM = b"\xef\xbb\xbf"
LF = 10


def split(chunks: Iterable[bytes], limit: int = MAX_LINE) -> Iterator[RawLine]:
    """Every physical line in order, blank ones too, however the bytes are cut.

    A line ends with LF or CRLF, the last one also with the bytes.  A byte order
    mark at the start is skipped: the first line then has the offset 3.  The
    bytes of a line longer than *limit* are dropped as they pass by.
    """
    offset, rest = _after_bom(iter(chunks))
    held = _Held(limit)
    for chunk in rest:
        crlf = b"\r" in chunk
        # BytesIO neither copies the chunk nor makes its lines before they are asked for
        pieces = BytesIO(chunk)
        if held.size:
            size = held.add(pieces.readline())
            if not held.ended:
                continue
            yield offset, *held.take()
            offset += size
        for line in pieces:
            size = len(line)
            if line[-1] != LF:
                held.add(line)
                break
            length = size - 2 if crlf and line.endswith(b"\r\n") else size - 1
            yield offset, length, line[:length] if length <= limit else None
            offset += size
    if held.size:
        yield offset, *held.take()


def count_lines(chunks: Iterable[bytes]) -> int:
    """How many lines are not blank."""
    return sum(not is_blank(data) for _, _, data in split(chunks))


def is_blank(data: bytes | None) -> bool:
    """Whether there is nothing but white space.  A line too long to keep is not blank."""
    return data is not None and (not data or data.isspace())


def _after_bom(chunks: Iterator[bytes]) -> tuple[int, Iterator[bytes]]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(BOM):
            break
    skipped = len(BOM) if head.startswith(BOM) else 0
    return skipped, _chain(head[skipped:], chunks)


def _chain(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


class _Held:
    """The start of a line whose end has not arrived."""

    __slots__ = ("_data", "_end", "_limit", "size")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self._end = b""
        self._limit = limit
        self.size = 0

    @property
    def ended(self) -> bool:
        return self._end.endswith(b"\n")

    def add(self, piece: bytes) -> int:
        """Takes a piece, and tells the size of the line so far."""
        self.size += len(piece)
        self._end = (self._end + piece[-2:])[-2:]
        # two more than the limit, since they may turn out to be the CRLF
        if self.size <= self._limit + 2:
            self._data += piece
        else:
            self._data = bytearray()
        return self.size

    def take(self) -> tuple[int, bytes | None]:
        """Length and bytes of the line without its end; ready for the next."""
        end = 2 if self._end == b"\r\n" else int(self.ended)
        length = self.size - end
        data = bytes(memoryview(self._data)[:length]) if length <= self._limit else None
        self._data = bytearray()
        self._end = b""
        self.size = 0
        return length, data
