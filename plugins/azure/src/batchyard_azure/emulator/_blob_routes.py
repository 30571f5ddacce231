"""Azure Storage's way to blobs (Blob service REST API)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email.utils import formatdate
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from batchyard.emulators import Blob, Clock, FileStore
from batchyard_azure.emulator._containers import Containers, Stored
from batchyard_azure.emulator._tokens import STORAGE_AUDIENCE, Tokens

__all__ = ["BlobRoutes"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_LATEST = re.compile(rb"<(?:Latest|Uncommitted)>([^<]{1,100})</")
_XML = '<?xml version="1.0" encoding="utf-8"?>'


class _Refusal(Exception):  # noqa: N818 - it is a reply
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class BlobRoutes:
    """`/blob/CONTAINER` and what is below it.  `sas` is the signature that is good, if any is."""

    def __init__(
        self,
        containers: Containers,
        tokens: Tokens,
        store: FileStore,
        clock: Clock,
        sas: str | None,
    ) -> None:
        self._containers = containers
        self._tokens = tokens
        self._store = store
        self._clock = clock
        self._sas = frozenset(parse_qsl(sas)) if sas else None

    def routes(self) -> list[Route]:
        return [
            Route("/blob/{container}", self._list, methods=["GET"]),
            Route("/blob/{container}/{name:path}", self._put, methods=["PUT"]),
            Route("/blob/{container}/{name:path}", self._get, methods=["GET", "HEAD"]),
            Route("/blob/{container}/{name:path}", self._delete, methods=["DELETE"]),
        ]

    async def _answer(self, request: Request) -> str:
        """The container, for a caller who may use it."""
        if "x-ms-version" not in request.headers:
            raise _Refusal(400, "MissingRequiredHeader", "x-ms-version is missing.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        signed = self._sas is not None and self._sas <= frozenset(
            request.query_params.multi_items()
        )
        if token and "sig" in request.query_params:
            raise _Refusal(400, "InvalidHeaderValue", "Both a token and a signature were given.")
        audience = self._tokens.audience(token) if scheme.lower() == "bearer" else None
        if not signed and token and audience is None:
            raise _Refusal(401, "InvalidAuthenticationInfo", "The token is not valid.")
        if not signed and audience != STORAGE_AUDIENCE:
            raise _Refusal(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization "
                "header is formed correctly including the signature.",
            )
        container: str = request.path_params["container"]
        if container not in self._containers:
            raise _Refusal(404, "ContainerNotFound", "The specified container does not exist.")
        return container

    async def _put(self, request: Request) -> Response:
        try:
            container = await self._answer(request)
            return await self._stored(request, container)
        except _Refusal as refusal:
            async for _ in request.stream():
                continue  # a client that writes would not read the refusal
            return _refused(refusal)

    async def _stored(self, request: Request, container: str) -> Response:
        name: str = request.path_params["name"]
        comp = request.query_params.get("comp")
        is_new = self._containers.get(container, name) is None
        if comp != "block" and request.headers.get("if-none-match") == "*" and not is_new:
            raise _Refusal(409, "BlobAlreadyExists", "The specified blob already exists.")
        if comp is None and request.headers.get("x-ms-blob-type") != "BlockBlob":
            raise _Refusal(400, "MissingRequiredHeader", "x-ms-blob-type is missing.")
        body = await self._read(request)
        content_type = request.headers.get("content-type", "application/octet-stream")
        if comp == "block":
            block_id = request.query_params.get("blockid", "")
            await asyncio.to_thread(self._containers.put_block, container, name, block_id, body)
            return Response(status_code=201, headers=_headers())
        if comp == "blocklist":
            ids = [one.decode() for one in _LATEST.findall(body.path.read_bytes())]
            content_type = request.headers.get("x-ms-blob-content-type", content_type)
            stored = await asyncio.to_thread(
                self._containers.commit, container, name, ids, content_type, self._clock.now()
            )
            self._store.delete(body)
            if stored is None:
                raise _Refusal(400, "InvalidBlockList", "The specified block list is invalid.")
        else:
            stored = self._containers.put(container, name, body, content_type, self._clock.now())
        return Response(status_code=201, headers={**_headers(), "etag": stored.etag})

    async def _read(self, request: Request) -> Blob:
        writer = self._store.writer()
        async for chunk in request.stream():
            if chunk:
                await asyncio.to_thread(writer.write, chunk)
        return writer.commit()

    async def _get(self, request: Request) -> Response:
        try:
            stored = await self._found(request)
        except _Refusal as refusal:
            return _refused(refusal, silent=request.method == "HEAD")
        size = stored.blob.size
        start, stop, status = 0, size, 200
        asked = _RANGE.fullmatch(
            request.headers.get("x-ms-range") or request.headers.get("range", "")
        )
        headers = {
            **_headers(),
            "etag": stored.etag,
            "accept-ranges": "bytes",
            "content-type": stored.content_type,
            "last-modified": formatdate(stored.created_at, usegmt=True),
            "x-ms-blob-type": "BlockBlob",
        }
        if asked and request.method == "GET" and size:
            start = int(asked[1])
            stop = min(int(asked[2]) + 1, size) if asked[2] else size
            if start >= size:
                return _refused(_Refusal(416, "InvalidRange", "The range is invalid."))
            status, headers["content-range"] = 206, f"bytes {start}-{stop - 1}/{size}"
        headers["content-length"] = str(stop - start)
        if request.method == "HEAD":
            return Response(status_code=200, headers=headers)
        return StreamingResponse(_pieces(stored.blob, start, stop), status, headers)

    async def _found(self, request: Request) -> Stored:
        container = await self._answer(request)
        stored = await asyncio.to_thread(
            self._containers.get, container, request.path_params["name"]
        )
        if stored is None:
            raise _Refusal(404, "BlobNotFound", "The specified blob does not exist.")
        return stored

    async def _delete(self, request: Request) -> Response:
        try:
            container = await self._answer(request)
            if not self._containers.delete(container, request.path_params["name"]):
                raise _Refusal(404, "BlobNotFound", "The specified blob does not exist.")
        except _Refusal as refusal:
            return _refused(refusal)
        return Response(status_code=202, headers=_headers())

    async def _list(self, request: Request) -> Response:
        try:
            container = await self._answer(request)
        except _Refusal as refusal:
            return _refused(refusal)
        query = request.query_params
        after, most = query.get("marker", ""), min(int(query.get("maxresults", 5000)), 5000)
        found = self._containers.list(container, query.get("prefix", ""))
        rest = [one for one in found if one.name >= after]
        following = rest[most].name if len(rest) > most else ""
        items = "".join(_listed(one) for one in rest[:most])
        document = (
            f'{_XML}<EnumerationResults ContainerName="{escape(container)}"><Blobs>{items}</Blobs>'
            f"<NextMarker>{escape(following)}</NextMarker></EnumerationResults>"
        )
        return Response(document, headers=_headers(), media_type="application/xml")


def _listed(one: Stored) -> str:
    return (
        f"<Blob><Name>{escape(one.name)}</Name><Properties>"
        f"<Last-Modified>{formatdate(one.created_at, usegmt=True)}</Last-Modified>"
        f"<Etag>{escape(one.etag)}</Etag><Content-Length>{one.blob.size}</Content-Length>"
        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
    )


async def _pieces(blob: Blob, start: int, stop: int) -> AsyncIterator[bytes]:
    async for block in blob.stream(start, stop):
        yield block


def _headers() -> dict[str, str]:
    return {"x-ms-version": "2023-11-03", "x-ms-request-id": "0b8fa1d4-001e-0000-0000-000000000000"}


def _refused(refusal: _Refusal, *, silent: bool = False) -> Response:
    document = (
        f"{_XML}<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}\n"
        "RequestId:0b8fa1d4-001e-0000-0000-000000000000</Message></Error>"
    )
    headers = {**_headers(), "x-ms-error-code": refusal.code}
    body = "" if silent else document
    return Response(body, refusal.status, headers, media_type="application/xml")
