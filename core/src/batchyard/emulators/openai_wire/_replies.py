from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from batchyard.emulators._store import Blob
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_MAX_JSON = 1024 * 1024


class Replies:
    """Gives replies the shape and headers of the service."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def json(
        self,
        request: Request,
        document: Any,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        body = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        return Response(
            body.encode("utf-8", "backslashreplace"),
            status,
            self._dialect.headers(request) | (headers or {}),
            media_type="application/json",
        )

    def error(self, request: Request, error: ApiError) -> Response:
        return self.json(request, self._dialect.error_document(error), error.status)

    def content(self, request: Request, blob: Blob, filename: str, *, has_ranges: bool) -> Response:
        """The bytes of a file, or the part that a Range header asks for."""
        start, stop, status = 0, blob.size, 200
        headers = self._dialect.headers(request)
        if has_ranges:
            headers["accept-ranges"] = "bytes"
            asked = _range(request.headers.get("range", ""), blob.size)
            if asked is not None:
                start, stop = asked
                if start >= stop:
                    headers["content-range"] = f"bytes */{blob.size}"
                    return Response(status_code=416, headers=headers)
                status = 206
                headers["content-range"] = f"bytes {start}-{stop - 1}/{blob.size}"
        headers["content-length"] = str(stop - start)
        name = filename.replace('"', "").encode("ascii", "replace").decode()
        headers["content-disposition"] = f'attachment; filename="{name}"'
        return BlobResponse(blob, (start, stop), status, headers)

    def guard(self, handler: Handler) -> Handler:
        """Let only known callers through, and turn what is raised into error replies."""

        @wraps(handler)
        async def guarded(request: Request) -> Response:
            try:
                self._dialect.authenticate(request.headers)
                self._dialect.check_request(request)
                return await handler(request)
            except ApiError as error:
                return self.error(request, error)

        return guarded


class BlobResponse(Response):
    """Part of a blob, read while it is sent."""

    media_type = "application/octet-stream"

    def __init__(
        self, blob: Blob, part: tuple[int, int], status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(None, status, headers)
        self._blob = blob
        self._part = part

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        # closed here and now, and not when the garbage collector finds an abandoned generator
        async with aclosing(self._blob.stream(*self._part)) as blocks:
            async for block in blocks:
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_JSON:
            raise ApiError("The request body is too large.", status=413)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The API expects a JSON payload, but what "
            "was sent was not valid JSON.)"
        ) from error
    if not isinstance(document, dict):
        raise ApiError("Invalid body: expected a JSON object.")
    return document


def _range(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range that a header asks for; None when it asks for everything."""
    unit, _, spec = header.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (first + last).isdecimal():
        return None
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
