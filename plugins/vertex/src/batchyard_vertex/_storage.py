"""Objects in the account's bucket (Cloud Storage JSON API)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Literal

from pydantic import Field

from batchyard.effects import Blocking, Plan, Request, Source, Stream
from batchyard.errors import APIStatusError, BatchyardError, MalformedReplyError, NotFoundError
from batchyard.steps import ambiguous, call, download, fetch, json_body, parse, retrying
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._resumable import Resumable
from batchyard_vertex._tolerance import Optional, Resource
from batchyard_vertex._wire import Query, Wire, url_of

__all__ = ["Bucket", "Listing", "StoredObject"]

MOST = 1000
"""Objects on one page of a list."""


class StoredObject(Resource):
    """An object's description.  ``size`` is in bytes, and text on the wire."""

    name: str = Field(min_length=1)
    size: Optional[int] = None
    time_created: Optional[str] = None
    generation: Optional[str] = None
    metadata: Optional[dict[str, str]] = None


class Listing(Resource):
    """A page of a list.  An empty one has no ``items``, but it says what it is."""

    kind: Literal["storage#objects"]
    items: list[StoredObject] = Field(default_factory=list)
    next_page_token: Optional[str] = None


class Bucket:
    """What one call does with the account's bucket."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._base = wire.settings.storage_base_url
        self._parts = ("b", wire.settings.bucket)

    async def metadata(self, name: str) -> StoredObject:
        """Raises :class:`NotFoundError` where there is no such object."""
        return await self._wire.get(StoredObject, self._url(name))

    async def store(
        self, name: str, source: Source, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Upload a new object, in chunks if it is large."""
        if source.length > self._wire.settings.chunk_bytes:
            stored = await self._store_in_chunks(name, source, metadata or {})
        else:
            data = await Blocking(lambda: b"".join(source.chunks()))
            stored = await self._store_whole(name, data, metadata or {})
        _check_size(stored, source.length)

    async def _store_in_chunks(
        self, name: str, source: Source, metadata: Mapping[str, str]
    ) -> StoredObject:
        url = self._upload_url("resumable", name)
        upload = Resumable(self._wire, source)
        return parse(StoredObject, await upload.store(url, _description(name, metadata)))

    async def _store_whole(
        self, name: str, data: bytes, metadata: Mapping[str, str]
    ) -> StoredObject:
        boundary = secrets.token_hex(16)
        body = _multipart(boundary, json_body(_description(name, metadata)), data)
        headers = {"content-type": f"multipart/related; boundary={boundary}"}
        url = self._upload_url("multipart", name)

        def attempt() -> Plan[StoredObject]:
            return self._wire.sent(
                lambda: self._wire.request("POST", url, body, headers),
                lambda request: fetch(StoredObject, request, google_refusal),
            )

        try:
            return await retrying(attempt, self._wire.backoff)
        except APIStatusError as error:
            if error.status != 412:
                raise
            # nobody else has this name: an attempt whose reply was lost has stored it
            return await self.metadata(name)

    def _upload_url(self, kind: str, name: str) -> str:
        query: Query = {
            "uploadType": kind,
            "name": name,
            "ifGenerationMatch": 0,
        }
        return url_of(f"{self._base}/upload/storage/v1", *self._parts, "o", query=query)

    async def list(
        self,
        prefix: str,
        *,
        after: str | None = None,
        limit: int = MOST,
        glob: str | None = None,
        page: str | None = None,
    ) -> Listing:
        """A page of the objects whose names begin with *prefix*, by name, from *after* on."""
        query = {
            "prefix": prefix,
            "startOffset": after,
            "maxResults": min(limit, MOST),
            "matchGlob": glob,
            "pageToken": page,
        }
        url = url_of(f"{self._base}/storage/v1", *self._parts, "o", query=query)
        return await self._wire.get(Listing, url)

    async def walk(self, prefix: str, glob: str | None = None) -> Stream[StoredObject]:
        """Every object whose name begins with *prefix*."""
        page: str | None = None
        seen: set[str] = set()
        while True:
            listing = await self.list(prefix, glob=glob, page=page)
            for item in listing.items:
                yield item
            page = listing.next_page_token
            if not page:
                return
            if page in seen:
                raise MalformedReplyError("the list of objects goes round in circles")
            seen.add(page)

    async def delete(self, name: str) -> bool:
        """Whether there was such an object."""
        unsure = False

        async def attempt() -> bool:
            nonlocal unsure
            try:
                await self._wire.sent(
                    lambda: self._wire.request("DELETE", self._url(name)),
                    lambda request: call(request, google_refusal),
                )
            except NotFoundError:
                # gone by the attempt before, whose reply was lost
                return unsure
            except BatchyardError as error:
                unsure = unsure or ambiguous(error)
                raise
            return True

        return await retrying(attempt, self._wire.backoff)

    def content(self, name: str) -> Stream[bytes]:
        """The object's bytes."""
        url = self._url(name, alt="media")
        return download(partial(self._fresh, url), self._wire.backoff, google_refusal)

    async def _fresh(self, url: str) -> Request:
        return await self._wire.request("GET", url, headers={"accept": "*/*"})

    def _url(self, name: str, alt: str | None = None) -> str:
        return url_of(f"{self._base}/storage/v1", *self._parts, "o", name, query={"alt": alt})


def _description(name: str, metadata: Mapping[str, str]) -> dict[str, object]:
    kind = "application/json" if name.endswith(".json") else "application/jsonl"
    return {"name": name, "contentType": kind, **({"metadata": metadata} if metadata else {})}


def _multipart(boundary: str, description: bytes, data: bytes) -> bytes:
    edge = f"--{boundary}".encode()
    return b"\r\n".join(
        (
            edge,
            b"content-type: application/json; charset=UTF-8\r\n",
            description,
            edge,
            b"content-type: application/octet-stream\r\n",
            data,
            edge + b"--\r\n",
        )
    )


def _check_size(stored: StoredObject, length: int) -> None:
    if stored.size is not None and stored.size != length:
        raise MalformedReplyError(
            f"{stored.name} was stored with {stored.size} bytes in place of {length}"
        )
