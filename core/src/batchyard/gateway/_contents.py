"""Downloads: whole, or the part that is asked for, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from email.utils import formatdate
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from batchyard.errors import InputError
from batchyard.gateway._errors import refusal
from batchyard.ledger import Ledger
from batchyard.ledger.records import FileRecord

__all__ = ["MEDIA_TYPE", "file_response"]

MEDIA_TYPE = "application/jsonl"


async def file_response(
    ledger: Ledger, file: FileRecord, request: Request, *, as_completed: bool
) -> Response:
    """The bytes of a file, with their length, an ETag, and ``Range`` (RFC 9110)."""
    headers = _headers(file, as_completed=as_completed)
    etag, modified = headers["etag"], headers["last-modified"]
    if _known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range", "")
    if request.method != "GET" or request.headers.get("if-range", etag) not in {etag, modified}:
        wanted = ""
    part = _part(wanted, file.bytes)
    if part is not None and part[0] >= part[1]:
        said = f"The file has {file.bytes:,} bytes, and none of those that were asked for."
        error = InputError(said, status=416, code="invalid_range", param="Range")
        return refusal(error, {"content-range": f"bytes */{file.bytes}"})
    start, end = part or (0, file.bytes)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.bytes}"
    headers["content-length"] = str(end - start)
    status = 200 if part is None else 206
    if request.method == "HEAD" or start == end:
        return Response(status_code=status, headers=headers, media_type=MEDIA_TYPE)
    pieces = ledger.content(file, start, end, as_completed=as_completed)
    # what cannot be opened is an error; later there is no way to say so
    return Download(await anext(pieces, b""), pieces, status, headers)


def _headers(file: FileRecord, *, as_completed: bool) -> dict[str, str]:
    return {
        "accept-ranges": "bytes",
        # a file never changes, and its id is never used again: that is what it is known by
        "etag": f'"{file.id}{"-completed" if as_completed else ""}"',
        "last-modified": formatdate(file.created_at, usegmt=True),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        # it is another's text: a browser is to keep it, and not to guess what it is
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-transform",
    }


class Download(Response):
    """Bytes as they are read.  Who hangs up has the reading ended, and what is open closed."""

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(status_code=status, headers=headers, media_type=MEDIA_TYPE)
        self._first = first
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an application's signature
        gone = asyncio.ensure_future(_hung_up(receive))
        try:
            async with aclosing(self._rest):
                begin = {"type": "http.response.start", "status": self.status_code}
                await send({**begin, "headers": self.raw_headers})
                await send(_body(self._first, more=True))
                async for piece in self._rest:
                    if gone.done():
                        return
                    await send(_body(piece, more=True))
                await send(_body(b"", more=False))
        finally:
            gone.cancel()


def _body(piece: bytes, *, more: bool) -> dict[str, object]:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        """A body that nobody asked for."""


def _known(given: str | None, etag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in (given or "").split(",")]
    return etag in tags or "*" in tags


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """From where to before where, empty where there is none of it; ``None`` is all.

    Of several parts, and of what is no range, RFC 9110 lets a server send it all.
    """
    unit, _, ranges = wanted.partition("=")
    first, dash, last = ranges.strip().partition("-")
    numbers = _whole(first) and _whole(last) and (first or last)
    if unit.strip().lower() != "bytes" or not dash or not numbers:
        return None
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _whole(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= 18)
