from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import TYPE_CHECKING, cast

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from batchyard.emulators._store import Blob, BlobWriter, FileStore

if TYPE_CHECKING:
    # it exists for type checkers only
    from python_multipart.multipart import MultipartCallbacks

_FLUSH_AT = 1024 * 1024
_MAX_FIELD = 64 * 1024


class FormError(Exception):
    """The body is not the multipart form that its content type announces."""


class FormTooLargeError(Exception):
    """The file in a form is larger than its other fields allow."""


@dataclass(frozen=True, slots=True)
class FormFile:
    field: str
    filename: str
    content_type: str | None
    blob: Blob


@dataclass(slots=True)
class Form:
    """A multipart form of text fields and at most one file."""

    fields: dict[str, str] = with_default(default_factory=dict)
    file: FormFile | None = None


class FormReader:
    """Reads a multipart form in constant memory, its file going straight into the store.

    `limit` gives the most bytes that the file may have, from the fields read so far (they may
    come after it: it is asked again at the end).
    """

    def __init__(self, store: FileStore, limit: Callable[[Mapping[str, str]], int]) -> None:
        self._store = store
        self._limit = limit
        self._form = Form()
        self._pending = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._options: dict[bytes, bytes] = {}
        self._file_options: dict[bytes, bytes] = {}
        self._file_type: bytes | None = None
        self._writer: BlobWriter | None = None
        self._text: bytearray | None = None
        self._is_complete = False

    async def read(self, content_type: str, chunks: AsyncIterator[bytes]) -> Form:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise FormError("expected multipart/form-data with a boundary")
        parser = MultipartParser(options[b"boundary"], self._callbacks())
        try:
            async for chunk in chunks:
                parser.write(chunk)
                await self._flush(_FLUSH_AT)
            await self._flush(0)
            if not self._is_complete:
                raise FormError("the form has no end")
            self._check_size()
            self._form.file = self._file()
        except MultipartParseError as error:
            self._discard()
            raise FormError(str(error)) from error
        except BaseException:
            self._discard()
            raise
        return self._form

    def _file(self) -> FormFile | None:
        if self._writer is None:
            return None
        return FormFile(
            field=_text(self._file_options.get(b"name", b"")),
            filename=_text(self._file_options[b"filename"]),
            content_type=None if self._file_type is None else _text(self._file_type),
            blob=self._writer.commit(),
        )

    async def _flush(self, threshold: int) -> None:
        if self._writer is None or len(self._pending) <= threshold:
            return
        block, self._pending = self._pending, bytearray()
        await asyncio.to_thread(self._writer.write, block)
        self._check_size()

    def _check_size(self) -> None:
        if self._writer is not None and self._writer.size > self._limit(self._form.fields):
            raise FormTooLargeError

    def _discard(self) -> None:
        if self._writer is not None:
            self._writer.discard()

    def _callbacks(self) -> MultipartCallbacks:
        return cast(
            "MultipartCallbacks",
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers = {}

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _open(self) -> None:
        _, self._options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in self._options:
            self._text = bytearray()
        elif self._writer is None:
            self._writer = self._store.writer()
            self._file_options = self._options
            self._file_type = self._headers.get(b"content-type")
        else:
            raise FormError("the form has more than one file")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._text is None:
            self._pending += memoryview(data)[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_FIELD:
            raise FormError("a field of the form is too long")

    def _close(self) -> None:
        if self._text is not None:
            self._form.fields[_text(self._options.get(b"name", b""))] = _text(self._text)
            self._text = None

    def _end(self) -> None:
        self._is_complete = True


def _text(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "replace")
