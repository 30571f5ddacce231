"""Bytes into lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TypeAlias

__all__ = [
    "BOM",
    "MAX_LINE",
    "MAX_RESULT_LINE",
    "PIECE",
    "Piece",
    "RawLine",
    "count_lines",
    "is_blank",
    "lines_in",
    "pieces",
    "split",
]

MAX_LINE = 16 * 1024 * 1024
"""Bytes an input line may have."""

MAX_RESULT_LINE = 256 * 1024 * 1024
"""Bytes a result line may have: one of ten images in base64 takes tens of megabytes."""

PIECE = 64 * 1024
"""Bytes split together, so that they are still in the processor's cache when they are decoded."""

RawLine: TypeAlias = tuple[int, int, bytes | None]
"""Offset and length in bytes, without the line's end, and the bytes: ``None`` if too many."""

Piece: TypeAlias = tuple[int, int, bytes | None]
"""Offset, length and bytes of some whole lines, or of one that is too long, without its end."""

BOM = b"\xef\xbb\xbf"
LF = 10


def split(chunks: Iterable[bytes], limit: int = MAX_LINE) -> Iterator[RawLine]:
    """Every physical line in order, blank ones too, however the bytes are cut.

    A line ends with LF or CRLF, the last one also with the bytes.  A byte order
    mark at the start is skipped: the first line then has the offset 3.  The
    bytes of a line longer than *limit* are dropped as they pass by.
    """
    for offset, length, data in pieces(chunks, limit):
        if not data:
            # one that is too long, or of no bytes but an end that is longer than the limit
            yield offset, length, data
        else:
            yield from lines_in(data, offset, limit)


def lines_in(data: bytes, offset: int = 0, limit: int = MAX_LINE) -> Iterator[RawLine]:
    """The lines of bytes that begin and end where lines do."""
    crlf = b"\r" in data
    # BytesIO neither copies the bytes nor makes their lines before they are asked for
    for line in BytesIO(data):
        size = len(line)
        length = size - 1 if line[-1] == LF else size
        if crlf and length < size and line.endswith(b"\r\n"):
            length -= 1
        yield offset, length, line[:length] if length <= limit else None
        offset += size


def pieces(chunks: Iterable[bytes], limit: int = MAX_LINE) -> Iterator[Piece]:
    """The lines of :func:`split`, with their ends, as many together as arrived together.

    Only a line that came in several parts may be told to be too long here.
    """
    offset, rest = _after_bom(iter(chunks))
    held = _Held(limit)
    for chunk in rest:
        end = chunk.rfind(b"\n") + 1
        if not end:
            held.add(chunk)
            continue
        whole = chunk[:end]
        if held.size:
            first = whole.find(b"\n") + 1
            if held.size + first > limit:
                size = held.add(whole[:first])
                yield offset, *held.take()
                offset += size
                whole = whole[first:]
            else:
                whole = held.joined(whole)
        if whole:
            yield offset, len(whole), whole
            offset += len(whole)
        held.add(chunk[end:])
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
    return skipped, _small(head[skipped:], chunks)


def _small(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """*head* and *chunks*, in parts that are not too large to be worked on at once."""
    yield from _cut(head)
    for chunk in chunks:
        yield from _cut(chunk)


def _cut(chunk: bytes) -> Iterator[bytes]:
    for start in range(0, len(chunk), PIECE):
        yield chunk[start : start + PIECE]


class _Held:
    """The start of a line whose end has not arrived."""

    __slots__ = ("_data", "_end", "_limit", "size")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self._end = b""
        self._limit = limit
        self.size = 0

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

    def joined(self, whole: bytes) -> bytes:
        """What is held, and *whole* after it; ready for the next."""
        joined = b"".join((self._data, whole))
        self._clear()
        return joined

    def take(self) -> tuple[int, bytes | None]:
        """Length and bytes of the line without its end; ready for the next."""
        end = 2 if self._end == b"\r\n" else int(self._end.endswith(b"\n"))
        length = self.size - end
        data = bytes(memoryview(self._data)[:length]) if length <= self._limit else None
        self._clear()
        return length, data

    def _clear(self) -> None:
        self._data = bytearray()
        self._end = b""
        self.size = 0
