"""The JSON API of Cloud Storage."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from batchyard.emulators import Clock
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._objects import Objects, Stored
from batchyard_vertex.emulator._uploads import Uploads, description, parts_of

__all__ = ["ObjectRoutes"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class ObjectRoutes:
    def __init__(self, objects: Objects, uploads: Uploads, clock: Clock) -> None:
        self._objects = objects
        self._uploads = uploads
        self._clock = clock

    def routes(self) -> list[Route]:
        one = "/storage/v1/b/{bucket}/o/{name:path}"
        into = "/upload/storage/v1/b/{bucket}/o"
        return [
            Route("/storage/v1/b/{bucket}", self._bucket, methods=["GET"]),
            Route("/storage/v1/b/{bucket}/o", self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route("/download/storage/v1/b/{bucket}/o/{name:path}", self._get, methods=["GET"]),
            Route(into, self._upload, methods=["POST"]),
            Route(into, self._chunk, methods=["PUT"]),
            Route(into, self._abandon, methods=["DELETE"]),
        ]

    async def _bucket(self, request: Request) -> Response:
        bucket = request.path_params["bucket"]
        if bucket not in self._objects:
            raise ApiError(404, "The specified bucket does not exist.", reason="notFound")
        document = {"kind": "storage#bucket", "name": bucket, "location": "US-CENTRAL1"}
        return JSONResponse(document)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        found = self._objects.list(
            request.path_params["bucket"],
            query.get("prefix", ""),
            query.get("matchGlob"),
            self._clock.now(),
        )
        start, token = query.get("startOffset", ""), query.get("pageToken")
        rest = [one for one in found if one.name >= start and (token is None or one.name > token)]
        most = min(int(query.get("maxResults", 1000)), 1000)
        document: dict[str, Any] = {"kind": "storage#objects"}
        if rest:
            document["items"] = [one.document(_base(request)) for one in rest[:most]]
        if len(rest) > most:
            document["nextPageToken"] = rest[most - 1].name
        return JSONResponse(document)

    async def _get(self, request: Request) -> Response:
        stored = self._objects.get(request.path_params["bucket"], request.path_params["name"])
        if request.query_params.get("alt") != "media":
            return JSONResponse(stored.document(_base(request)))
        start, stop, status = _extent(request.headers.get("range"), stored.blob.size)
        headers = {
            "content-length": str(stop - start),
            "content-type": stored.content_type,
            "etag": f'"{stored.generation}"',
            "x-goog-generation": str(stored.generation),
            "x-goog-stored-content-length": str(stored.blob.size),
        }
        if status == 206:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{stored.blob.size}"
        return StreamingResponse(_blocks(stored, start, stop), status, headers)

    async def _delete(self, request: Request) -> Response:
        self._objects.delete(request.path_params["bucket"], request.path_params["name"])
        return Response(status_code=204)

    async def _upload(self, request: Request) -> Response:
        bucket, query = request.path_params["bucket"], request.query_params
        body = await request.body()
        condition, named = query.get("ifGenerationMatch"), {"name": query.get("name")}
        kind = query.get("uploadType")
        if kind == "resumable":
            total = request.headers.get("x-upload-content-length", "")
            upload_id = self._uploads.begin(
                bucket,
                {**named, **description(body)},
                condition,
                int(total) if total.isdecimal() else None,
            )
            location = f"{request.url}&upload_id={upload_id}"
            return Response(headers={"location": location, "x-guploader-uploadid": upload_id})
        if kind == "multipart":
            about, data = parts_of(request.headers.get("content-type", ""), body)
        elif kind == "media":
            about, data = {}, body
        else:
            raise ApiError(400, f"Invalid uploadType: {kind}", reason="invalid")
        stored = self._uploads.whole(bucket, {**named, **about}, data, condition, self._clock.now())
        return JSONResponse(stored.document(_base(request)))

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


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _extent(wanted: str | None, size: int) -> tuple[int, int, int]:
    found = _RANGE.fullmatch(wanted or "")
    if found is None:
        return 0, size, 200
    start = int(found[1])
    if start >= size:
        raise ApiError(416, "Request range not satisfiable", reason="requestedRangeNotSatisfiable")
    return start, min(size, int(found[2]) + 1) if found[2] else size, 206


async def _blocks(stored: Stored, start: int, stop: int) -> AsyncIterator[bytes]:
    async for block in stored.blob.stream(start, stop):
        yield block
