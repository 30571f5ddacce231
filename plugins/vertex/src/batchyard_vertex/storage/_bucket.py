"""A bucket, and the objects in it (Cloud Storage JSON API)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import aclosing
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from batchyard.effects import Blocking, Plan, Reply, Request, Source, Stream
from batchyard.errors import APIStatusError, BatchyardError, MalformedReplyError, NotFoundError
from batchyard.steps import ambiguous, call, download, fetch, json_body, parse, retrying
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._tolerance import Optional, Resource
from batchyard_vertex._wire import Query, Wire, url_of
from batchyard_vertex.storage._hashes import Digest, Expected
from batchyard_vertex.storage._resumable import Resumable

__all__ = ["Bucket", "BucketInfo", "Listing", "StoredObject"]

MOST = 1000
"""Objects on one page of a list."""


class StoredObject(Resource):
    """An object's description.  ``size`` is in bytes, and text on the wire."""

    name: str = Field(min_length=1)
    size: Optional[int] = None
    time_created: Optional[str] = None
    generation: Optional[str] = None
    md5_hash: Optional[str] = None
    metadata: Optional[dict[str, str]] = None


class BucketInfo(Resource):
    """A bucket's description.  Locations are in capitals."""

    name: str = Field(min_length=1)
    location: Optional[str] = None
    location_type: Optional[str] = None
    project_number: Optional[str] = None


class Binding(Resource):
    role: str
    members: list[str] = Field(default_factory=list)


class Policy(Resource):
    """Who has which role on a bucket itself; roles on its project are not told of here."""

    kind: Literal["storage#policy"]
    bindings: list[Binding] = Field(default_factory=list)


class Held(Resource):
    kind: Literal["storage#testIamPermissionsResponse"]
    permissions: list[str] = Field(default_factory=list)


class Listing(Resource):
    """A page of a list.  An empty one has no ``items``, but it says what it is."""

    kind: Literal["storage#objects"]
    items: list[StoredObject] = Field(default_factory=list)
    next_page_token: Optional[str] = None


class Bucket:
    """What one call does with a bucket, which is the account's unless it is named."""

    def __init__(self, wire: Wire, name: str | None = None) -> None:
        self._wire = wire
        self._base = wire.settings.storage
        self._parts = ("b", name or wire.settings.bucket)

    async def info(self) -> BucketInfo:
        return await self._wire.get(BucketInfo, self._about())

    async def permissions(self, *wanted: str) -> frozenset[str]:
        """Those of the *wanted* that the caller has."""
        query = "&".join(f"permissions={quote(one)}" for one in wanted)
        url = f"{self._about('iam', 'testPermissions')}?{query}"
        return frozenset((await self._wire.get(Held, url)).permissions)

    async def roles_of(self, member: str) -> frozenset[str]:
        """The roles that *member* has on the bucket itself."""
        policy = await self._wire.get(Policy, self._about("iam"))
        return frozenset(one.role for one in policy.bindings if member in one.members)

    def _about(self, *parts: str) -> str:
        return url_of(f"{self._base}/storage/v1", *self._parts, *parts)

    async def metadata(self, name: str) -> StoredObject:
        """Raises :class:`NotFoundError` where there is no such object."""
        return await self._wire.get(StoredObject, self._url(name))

    async def store(
        self, name: str, source: Source, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Upload a new object, in chunks if it is large."""
        if source.length > self._wire.settings.chunk_bytes:
            await self._store_in_chunks(name, source, metadata or {})
            return
        data = await Blocking(lambda: b"".join(source.chunks()))
        _check(await self._store_whole(name, data, metadata or {}), source.length, _md5(data))

    async def _store_in_chunks(
        self, name: str, source: Source, metadata: Mapping[str, str]
    ) -> None:
        url = self._upload_url("resumable", name)
        upload = Resumable(self._wire, source)
        reply = await upload.store(url, json_body(_description(name, metadata)))
        stored = parse(StoredObject, reply)
        try:
            _check(stored, source.length, upload.digest)
        except MalformedReplyError:
            # nobody may take it for what it should have been
            await self.delete(name)
            raise

    async def _store_whole(
        self, name: str, data: bytes, metadata: Mapping[str, str]
    ) -> StoredObject:
        boundary = secrets.token_hex(16)
        # with the hash, the service refuses what has been damaged on the way
        about = {**_description(name, metadata), "md5Hash": _md5(data)}
        body = _multipart(boundary, json_body(about), data)
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

    async def content(self, name: str) -> Stream[bytes]:
        """The object's bytes, checked by their hash at the end."""
        reading = _Reading(self._wire, self._url(name, alt="media"))
        expected = Expected(name)
        pieces = download(reading.request, self._wire.backoff, reading.refuse, expected.begin)
        async with aclosing(pieces):
            async for piece in pieces:
                expected.update(piece)
                yield piece
        expected.finish()

    def _url(self, name: str, alt: str | None = None) -> str:
        return url_of(f"{self._base}/storage/v1", *self._parts, "o", name, query={"alt": alt})


class _Reading:
    """The requests of one download; a token that is refused is replaced once."""

    def __init__(self, wire: Wire, url: str) -> None:
        self._wire = wire
        self._url = url
        self._refused: Request | None = None
        self._renewed = False

    async def request(self) -> Request:
        if self._refused is not None:
            self._renewed = True
            await self._wire.renewed(self._refused)
            self._refused = None
        return await self._wire.request("GET", self._url, headers={"accept": "*/*"})

    def refuse(self, reply: Reply, request: Request) -> APIStatusError:
        error = google_refusal(reply, request)
        if error.status == 401 and not self._renewed:
            self._refused, error.retryable = request, True
        return error


def _md5(data: bytes) -> str:
    digest = Digest()
    digest.update(data)
    return digest.text


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


def _check(stored: StoredObject, length: int, md5: str | None) -> None:
    if stored.size is not None and stored.size != length:
        raise MalformedReplyError(
            f"{stored.name} was stored with {stored.size} bytes in place of {length}"
        )
    if None not in {stored.md5_hash, md5} and stored.md5_hash != md5:
        raise MalformedReplyError(f"{stored.name} was stored damaged: its hash is another")
