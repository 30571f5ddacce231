"""A multipart form that arrives: small fields, and one file that goes where it is to be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, cast

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from batchyard.errors import InputError

if TYPE_CHECKING:
    # it exists for type checkers only
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["FormReader"]

BLOCK = 256 * 1024
"""Bytes of the file handed on together."""

MAX_FIELD, MAX_FIELDS = 16 * 1024, 64
"""Bytes of a field, and fields."""

MAX_HEADERS = 16 * 1024
"""Bytes of the headers of one part."""

MAX_AROUND = 64 * 1024
"""Bytes before, between and after the parts."""

Begin = Callable[[str], Awaitable[None]]
Take = Callable[[bytes], Awaitable[None]]


class FormReader:
    """Reads a form in constant memory.

    ``begin`` is awaited with the file's name when the file begins, ``take`` with
    each piece of it; ``fields`` has what came before, and later everything.
    Raises :class:`InputError` for what is no form, or has too much of something.
    """

    def __init__(self, begin: Begin, take: Take) -> None:
        self.fields: dict[str, str] = {}
        self._begin_file = begin
        self._take = take
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._headers_size = 0
        self._name = ""
        self._text: bytearray | None = None
        self._pending = bytearray()
        self._filename: str | None = None
        self._begun = False
        self._ended = False
        self._total = 0
        self._inside = 0

    async def read(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """All of the form; it has had a file, or this raises."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 256:
            raise InputError(
                "Send the file as multipart/form-data, with the fields 'file' and 'purpose'.",
                status=415 if kind != b"multipart/form-data" else 400,
                code="invalid_content_type",
            )
        parser = MultipartParser(boundary, self._callbacks())
        try:
            async for chunk in chunks:
                # in blocks: what one chunk has of a file must not pile up here
                for start in range(0, len(chunk), BLOCK):
                    await self._feed(parser, chunk[start : start + BLOCK])
        except MultipartParseError as error:
            raise _malformed(str(error)) from error
        if not self._ended:
            raise _malformed("it breaks off")
        await self._hand_over(0)
        if self._filename is None:
            raise InputError(
                "Missing required parameter: 'file'.",
                code="missing_required_parameter",
                param="file",
            )

    async def _feed(self, parser: MultipartParser, block: bytes) -> None:
        parser.write(block)
        self._total += len(block)
        if self._total - self._inside > MAX_AROUND + MAX_FIELDS * MAX_HEADERS:
            raise _malformed("it is more frame than content")
        await self._hand_over(BLOCK)

    async def _hand_over(self, least: int) -> None:
        if self._filename is None:
            return
        if not self._begun:
            self._begun = True
            await self._begin_file(self._filename)
        if len(self._pending) > least:
            piece, self._pending = bytes(self._pending), bytearray()
            await self._take(piece)

    def _callbacks(self) -> MultipartCallbacks:
        return cast(
            "MultipartCallbacks",
            {
                "on_part_begin": self._on_part,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def _on_part(self) -> None:
        self._headers = {}
        self._headers_size = 0

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end])

    def _grow(self, what: bytearray, more: bytes) -> None:
        self._headers_size += len(more)
        if self._headers_size > MAX_HEADERS:
            raise _malformed("a part has too long headers")
        what += more

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = _text(options.get(b"name", b""))
        if b"filename" not in options and self._name != "file":
            if len(self.fields) >= MAX_FIELDS:
                raise _malformed(f"it has more than {MAX_FIELDS} fields")
            self._text = bytearray()
        elif self._name != "file":
            raise InputError(
                f"Unknown parameter: '{self._name[:100]}'. The file belongs into 'file'.",
                code="unknown_parameter",
                param=self._name[:100],
            )
        elif self._filename is not None:
            raise _malformed("it has more than one file")
        else:
            self._filename = _text(options.get(b"filename", b"file.jsonl"))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._inside += end - start
        if self._text is None:
            self._pending += memoryview(data)[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD:
            raise _malformed(f"the field {self._name[:100]!r} is longer than {MAX_FIELD:,} bytes")

    def _on_part_end(self) -> None:
        if self._text is not None:
            if self._name in self.fields:
                raise _malformed(f"it has the field {self._name[:100]!r} twice")
            self.fields[self._name] = _text(self._text)
            self._text = None

    def _on_end(self) -> None:
        self._ended = True


def _malformed(why: str) -> InputError:
    return InputError(f"The multipart form cannot be read: {why}.", code="invalid_form")


def _text(raw: bytes | bytearray) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _malformed("a name or a value is not UTF-8") from None
