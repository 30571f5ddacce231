"""multipart/form-data whose length is known before it is read (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from batchyard.effects import Source

__all__ = ["FilePart", "Multipart"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """The part that is a file."""

    name: str
    filename: str
    content_type: str
    source: Source = field(repr=False)


@dataclass(frozen=True, slots=True)
class Multipart:
    """A form: text fields, then one file.  A source itself, with its length."""

    fields: Sequence[tuple[str, str]]
    file: FilePart
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def length(self) -> int:
        return len(self._head()) + self.file.source.length + len(self._tail())

    def chunks(self) -> Iterator[bytes]:
        yield self._head()
        yield from self.file.source.chunks()
        yield self._tail()

    def _head(self) -> bytes:
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
            f"\r\n\r\n{value}\r\n"
            for name, value in self.fields
        ]
        parts.append(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_quoted(self.file.name)}"'
            f'; filename="{_quoted(self.file.filename)}"\r\n'
            f"Content-Type: {_one_line(self.file.content_type)}\r\n\r\n"
        )
        # a file's name may have bytes that are no text, which Python shows as lone surrogates
        return "".join(parts).encode(errors="replace")

    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    """Escaped as browsers do (WHATWG HTML, multipart/form-data encoding algorithm)."""
    return _one_line(text).replace('"', "%22")


def _one_line(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A")
