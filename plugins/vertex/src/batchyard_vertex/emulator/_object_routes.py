"""Objects (JSON API of Cloud Storage)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from batchyard.emulators import Clock
from batchyard_vertex.emulator._access import Access
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._key_files import EMAIL
from batchyard_vertex.emulator._listing import listing
from batchyard_vertex.emulator._objects import Objects, Stored
from batchyard_vertex.emulator._uploads import Uploads, description, parts_of

__all__ = ["ObjectRoutes"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class ObjectRoutes:
    def __init__(self, objects: Objects, uploads: Uploads, access: Access, clock: Clock) -> None:
        self._objects = objects
        self._uploads = uploads
        self._access = access
        self._clock = clock

    def routes(self) -> list[Route]:
        one = "/storage/v1/b/{bucket}/o/{name:path}"
        into = "/upload/storage/v1/b/{bucket}/o"
        return [
            Route("/storage/v1/b/{bucket}/o", self._list, methods=["GET"]),
            Route(f"{one}/compose", self._compose, methods=["POST"]),
            Route(f"{one}/rewriteTo/b/{{to}}/o/{{target:path}}", self._rewrite, methods=["POST"]),
            Route(f"{one}/copyTo/b/{{to}}/o/{{target:path}}", self._copy, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._patch, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route("/download/storage/v1/b/{bucket}/o/{name:path}", self._media, methods=["GET"]),
            Route(into, self._upload, methods=["POST"]),
            Route(into, self._chunk, methods=["PUT"]),
            Route(into, self._abandon, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        bucket, query = request.path_params["bucket"], request.query_params
        prefix, glob = query.get("prefix", ""), query.get("matchGlob")
        found = self._objects.list(bucket, prefix, glob, self._clock.now())
        self._check("storage.objects.list", "bucket")
        return JSONResponse(listing(found, query, _base(request)))

    async def _get(self, request: Request) -> Response:
        if request.query_params.get("alt") == "media":
            return await self._media(request)
        return JSONResponse(self._found(request).document(_base(request)))

    async def _media(self, request: Request) -> Response:
        stored = self._found(request)
        start, stop, status = _extent(request.headers.get("range"), stored.blob.size)
        headers = {
            "content-length": str(stop - start),
            "content-type": stored.content_type,
            "etag": f'"{stored.generation}"',
            "x-goog-generation": str(stored.generation),
            "x-goog-hash": stored.hashes.header,
            "x-goog-stored-content-encoding": "identity",
            "x-goog-stored-content-length": str(stored.blob.size),
        }
        if status == 206:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{stored.blob.size}"
        return StreamingResponse(_blocks(stored, start, stop), status, headers)

    async def _patch(self, request: Request) -> Response:
        found = self._found(request)
        self._check("storage.objects.update", "object")
        about = description(await request.body())
        stored = self._objects.put(
            found.bucket,
            found.name,
            found.blob,
            at=found.created_at,
            hashes=found.hashes,
            content_type=about.get("contentType", found.content_type),
            metadata={**found.metadata, **(about.get("metadata") or {})},
        )
        return JSONResponse(stored.document(_base(request)))

    async def _delete(self, request: Request) -> Response:
        found = self._found(request, right="storage.objects.delete")
        self._objects.check(found.bucket, found.name, request.query_params.get("ifGenerationMatch"))
        self._objects.delete(found.bucket, found.name)
        return Response(status_code=204)

    async def _compose(self, request: Request) -> Response:
        """One object of several; it has no MD5."""
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        self._check("storage.objects.create", "object")
        about = description(await request.body())
        parts = [self._objects.get(bucket, one["name"]) for one in about.get("sourceObjects", ())]
        if not 1 <= len(parts) <= 32:
            raise ApiError(400, "The number of source components is wrong.", reason="invalid")
        self._objects.check(bucket, name, request.query_params.get("ifGenerationMatch"))
        writer = self._objects.store.writer()
        for part in parts:
            writer.write(part.blob.path.read_bytes())
        stored = self._objects.put(
            bucket, name, writer.commit(), at=self._clock.now(), components=len(parts)
        )
        bare = replace(stored, hashes=replace(stored.hashes, md5=None))
        return JSONResponse(self._objects.replace(bare).document(_base(request)))

    async def _copy(self, request: Request) -> Response:
        return JSONResponse(self._copied(request).document(_base(request)))

    def _copied(self, request: Request) -> Stored:
        found = self._found(request)
        self._check("storage.objects.create", "object")
        return self._objects.put(
            request.path_params["to"],
            request.path_params["target"],
            found.blob,
            at=self._clock.now(),
            hashes=found.hashes,
            content_type=found.content_type,
            metadata=found.metadata,
        )

    async def _rewrite(self, request: Request) -> Response:
        stored = self._copied(request)
        size = str(stored.blob.size)
        return JSONResponse(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": size,
                "objectSize": size,
                "done": True,
                "resource": stored.document(_base(request)),
            }
        )

    async def _upload(self, request: Request) -> Response:
        bucket, query = request.path_params["bucket"], request.query_params
        body = await request.body()
        self._check("storage.objects.create", "object")
        condition = query.get("ifGenerationMatch")
        named = {"name": query["name"]} if "name" in query else {}
        kind = query.get("uploadType")
        if kind == "resumable":
            return self._begun(request, bucket, {**named, **description(body)}, condition)
        if kind == "multipart":
            about, data = parts_of(request.headers.get("content-type", ""), body)
        elif kind == "media":
            about, data = {"contentType": request.headers.get("content-type")}, body
        else:
            raise ApiError(400, f"Invalid uploadType: {kind}", reason="invalid")
        stored = self._uploads.whole(bucket, {**named, **about}, data, condition, self._clock.now())
        return JSONResponse(stored.document(_base(request)))

    def _begun(
        self, request: Request, bucket: str, about: dict[str, Any], condition: str | None
    ) -> Response:
        total = request.headers.get("x-upload-content-length", "")
        usual = {"contentType": request.headers.get("x-upload-content-type")}
        upload_id = self._uploads.begin(
            bucket, {**usual, **about}, condition, int(total) if total.isdecimal() else None
        )
        location = f"{request.url}&upload_id={upload_id}"
        return Response(headers={"location": location, "x-guploader-uploadid": upload_id})

    async def _chunk(self, request: Request) -> Response:
        session = self._uploads.session(request.query_params.get("upload_id", ""))
        body = await request.body()
        extent = request.headers.get("content-range")
        self._uploads.receive(session, extent, body, self._clock.now())
        if session.stored is not None:
            return JSONResponse(session.stored.document(_base(request)))
        have = session.writer.size
        return Response(status_code=308, headers={"range": f"bytes=0-{have - 1}"} if have else {})

    async def _abandon(self, request: Request) -> Response:
        upload_id = request.query_params.get("upload_id", "")
        self._uploads.session(upload_id)
        self._uploads.forget(upload_id)
        return Response(status_code=499)

    def _found(self, request: Request, right: str = "storage.objects.get") -> Stored:
        found = self._objects.get(
            request.path_params["bucket"],
            request.path_params["name"],
            request.query_params.get("generation"),
        )
        self._check(right, "object")
        return found

    def _check(self, permission: str, resource: str) -> None:
        self._access.check_storage(permission, resource, EMAIL)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _extent(wanted: str | None, size: int) -> tuple[int, int, int]:
    found = _RANGE.fullmatch(wanted or "")
    if found is None or not (found[1] or found[2]):
        return 0, size, 200
    if not found[1]:
        return max(0, size - int(found[2])), size, 206
    start = int(found[1])
    if start >= size:
        raise ApiError(416, "Request range not satisfiable", reason="requestedRangeNotSatisfiable")
    return start, min(size, int(found[2]) + 1) if found[2] else size, 206


async def _blocks(stored: Stored, start: int, stop: int) -> AsyncIterator[bytes]:
    async for block in stored.blob.stream(start, stop):
        yield block
