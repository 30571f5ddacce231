"""Any part of a source, which can only be read from its start."""

from __future__ import annotations

from collections.abc import Iterator

from batchyard.effects import Source
from batchyard.errors import SourceError
from batchyard_vertex.storage._hashes import Digest

__all__ = ["Reader"]


class Reader:
    """Keeps what was read last, so that what did not arrive is at hand.  Blocks."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._chunks: Iterator[bytes] = iter(())
        self._buffer = bytearray()
        self._start = -1
        self._digest = Digest()

    @property
    def digest(self) -> str | None:
        """The MD5 of the whole source, once all of it was read."""
        whole = self._start + len(self._buffer) == self._source.length
        return self._digest.text if whole else None

    def read(self, offset: int, size: int) -> bytes:
        """*size* bytes from *offset* on, or what there is."""
        if self._start < 0 or offset < self._start:
            self._chunks, self._start = self._source.chunks(), 0
            self._buffer.clear()
            self._digest = Digest()
        wanted = min(size, self._source.length - offset)
        while self._start + len(self._buffer) < offset + wanted:
            chunk = next(self._chunks, b"")
            if not chunk:
                raise SourceError("the file became shorter while it was read")
            self._digest.update(chunk)
            self._buffer += chunk
            self._drop(offset)
        self._drop(offset)
        # kept until the service has it: what did not arrive is read here again
        return bytes(self._buffer[:wanted])

    def _drop(self, offset: int) -> None:
        passed = min(offset - self._start, len(self._buffer))
        if passed > 0:
            del self._buffer[:passed]
            self._start += passed
