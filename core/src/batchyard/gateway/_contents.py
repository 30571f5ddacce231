"""Downloads: whole, or the part that is asked for, in constant memory."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from batchyard.errors import InputError
from batchyard.ledger import Ledger
from batchyard.ledger.records import FileRecord

__all__ = ["file_response"]


def file_response(
    ledger: Ledger, file: FileRecord, request: Request, *, as_completed: bool
) -> Response:
    """The bytes of a file, with their length, an ETag, and ``Range`` (RFC 9110)."""
    # a file never changes, and its id is never used again: that is what it is known by
    etag = f'"{file.id}{"-completed" if as_completed else ""}"'
    headers = {
        "accept-ranges": "bytes",
        "etag": etag,
        "last-modified": formatdate(file.created_at, usegmt=True),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        # it is another's text: a browser is to keep it, and not to guess what it is
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-transform",
    }
    if _known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    start, end, status = _part(request, file.bytes, etag)
    if status == 206:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.bytes}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD" or start == end:
        return Response(status_code=status, headers=headers, media_type="application/jsonl")
    pieces = ledger.content(file, start, end, as_completed=as_completed)
    return StreamingResponse(pieces, status, headers, media_type="application/jsonl")


def _known(given: str | None, etag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in (given or "").split(",")]
    return etag in tags or "*" in tags


def _part(request: Request, size: int, etag: str) -> tuple[int, int, int]:
    """From where to where, and the status that says so."""
    wanted = request.headers.get("range", "")
    condition = request.headers.get("if-range")
    unit, _, ranges = wanted.partition("=")
    if not wanted or unit.strip().lower() != "bytes" or condition not in {None, etag}:
        return 0, size, 200
    first, dash, last = ranges.strip().partition("-")
    if not dash or "," in ranges or not all(_whole(one) for one in (first, last)):
        # several parts, and what is no range: RFC 9110 lets a server send it all
        return 0, size, 200
    if not first:
        if not last:
            return 0, size, 200
        start, end = max(0, size - int(last)), size
    else:
        start = int(first)
        end = min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return 0, size, 200
    if start >= size or start >= end:
        raise InputError(
            f"The file has {size:,} bytes, and none of those that were asked for.",
            status=416,
            code="invalid_range",
            param="Range",
        )
    return start, end, 206


def _whole(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= 18)
