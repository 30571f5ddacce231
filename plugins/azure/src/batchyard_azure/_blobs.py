"""Blobs of the container in which an account's batches have their inputs and outputs.

By plain HTTP (Azure Storage, Blob service REST API): one put for what is small,
blocks and a list of them for what is not, ranged reads.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from typing import TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from batchyard.effects import Blocking, Now, Plan, Reply, Request, Source, Stream
from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InputError,
    MalformedReplyError,
    NotFoundError,
    status_error,
)
from batchyard.models import Call, FileDeleted, FileObject, FileUpload, Page, PageRequest, Ref
from batchyard.steps import Backoff, download, failure_details, header, retrying
from batchyard.steps import call as send
from batchyard_azure._addresses import blob_url
from batchyard_azure._credentials import Credentials
from batchyard_azure._settings import BlobStorage

__all__ = ["UNWRITTEN", "Blobs"]

T = TypeVar("T")

UNWRITTEN = "unwritten"
"""Where a batch's state has the URLs of results that it names and need never have written."""

VERSION = "2023-11-03"

BLOCK = 16 * 1024 * 1024
"""Bytes that are put at a time; what has no more goes in one put."""

TOLD = frozenset({"x-ms-client-request-id"})
"""Headers of the caller's that storage is sent.  Others are for the resource, which is another
host, and may be credentials."""

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,100})</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]{0,500})")
_ODD = re.compile(r"[^A-Za-z0-9._=@+-]+")


class Blobs:
    """The container; ids of its files are their URLs."""

    def __init__(self, storage: BlobStorage, credentials: Credentials, timeout: float) -> None:
        self._storage = storage
        self._credentials = credentials
        self._timeout = timeout
        self._container = blob_url(storage.container)

    @property
    def output_folder(self) -> str:
        """Where the service is to write results."""
        return self._url(f"{self._storage.prefix}outputs/")

    def owns(self, file_id: str) -> bool:
        """Whether the id is a URL, so that it is meant for here."""
        return file_id.startswith(("https://", "http://"))

    async def upload(self, call: Call, file: FileUpload) -> FileObject:
        """Put the file under a name of its own; with a marker in the call, its name begins so."""
        url = self._url(f"{self._inputs}{_name(call.marker, file.filename)}")
        try:
            if file.source.length <= BLOCK:
                await self._put(call, url, file)
            else:
                await self._put_in_blocks(call, url, file)
        except ConflictError:
            # an earlier send of it, whose reply was lost
            stored = await self.retrieve(call, url)
            if stored.bytes != file.source.length:
                raise
            return stored
        return await self.retrieve(call, url)

    async def _put(self, call: Call, url: str, file: FileUpload) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": file.content_type}
        await self._sent(call, "PUT", url, file.source, {**headers, "if-none-match": "*"})

    async def _put_in_blocks(self, call: Call, url: str, file: FileUpload) -> None:
        pieces = _blocks(file.source)
        ids: list[str] = []
        while piece := await Blocking(partial(next, pieces, b"")):
            ids.append(base64.b64encode(f"{len(ids):08d}".encode()).decode())
            await self._sent(
                call, "PUT", url, piece, {}, query={"comp": "block", "blockid": ids[-1]}
            )
        listed = "".join(f"<Latest>{one}</Latest>" for one in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        headers = {"x-ms-blob-content-type": file.content_type, "if-none-match": "*"}
        await self._sent(call, "PUT", url, body.encode(), headers, query={"comp": "blocklist"})

    async def retrieve(self, call: Call, url: str) -> FileObject:
        checked = self._checked(url)
        reply = await self._sent(call, "HEAD", checked)
        return _file(checked, header(reply, "content-length"), header(reply, "last-modified"))

    async def delete(self, call: Call, url: str) -> FileDeleted:
        await self._sent(call, "DELETE", self._checked(url))
        return FileDeleted(id=url)

    async def content(self, call: Call, file: Ref) -> Stream[bytes]:
        """Its bytes.  Results that need not have been written are no bytes if they are not there.

        Of which that is so the batch's state says; without one, as for an id alone,
        it is so of all: their URLs are always named.
        """
        url, state = file.id, file.provider_state
        checked = self._checked(url)
        unwritten = {blob_url(one) for one in (state or {}).get(UNWRITTEN, ())}
        optional = not self._is_input(checked) if state is None else checked in unwritten

        def request() -> Plan[Request]:
            return self._request(call, "GET", checked)

        def begun() -> Stream[bytes]:
            return download(request, Backoff(retries=call.max_retries), self._refuse)

        # a signature is no token, and is not renewed
        content = begun() if self._storage.sas is not None else self._credentials.streamed(begun)
        try:
            async with aclosing(content) as pieces:
                async for piece in pieces:
                    yield piece
        except NotFoundError as error:
            if error.code != "BlobNotFound" or not optional:
                raise

    async def list(self, call: Call, page: PageRequest) -> Page[FileObject]:
        """What is below the prefix, in the order of names."""
        return await self._page(call, self._storage.prefix, page.after, page.limit)

    async def find(self, call: Call, marker: str) -> FileObject | None:
        """What an upload with the marker left behind."""
        found = await self._page(call, f"{self._inputs}{_plain(marker)}", None, 2)
        return found.data[0] if found.data else None

    async def _page(
        self, call: Call, prefix: str, after: str | None, limit: int | None
    ) -> Page[FileObject]:
        query = {"restype": "container", "comp": "list", "prefix": prefix}
        if after is not None:
            query["marker"] = after
        if limit is not None:
            query["maxresults"] = str(limit)
        reply = await self._sent(call, "GET", self._container, query=query)
        return self._parsed(reply.body)

    def _parsed(self, body: bytes) -> Page[FileObject]:
        if b"<!" in body:
            raise MalformedReplyError("the list of blobs has declarations, which none has")
        try:
            root = ET.fromstring(body)  # noqa: S314 - without declarations there are no entities
        except ET.ParseError as error:
            raise MalformedReplyError("the list of blobs is no XML") from error
        if root.tag != "EnumerationResults":
            raise MalformedReplyError("the reply is no list of blobs")
        data = []
        for blob in root.iter("Blob"):
            name, size = blob.findtext("Name"), blob.findtext("Properties/Content-Length")
            if name:
                made = blob.findtext("Properties/Last-Modified")
                data.append(_file(self._url(name), size, made))
        following = root.findtext("NextMarker") or None
        return Page[FileObject](data=data, has_more=following is not None, cursor=following)

    @property
    def _inputs(self) -> str:
        return f"{self._storage.prefix}inputs/"

    def _url(self, name: str) -> str:
        return f"{self._container}/{quote(name)}"

    def _is_input(self, url: str) -> bool:
        return url.startswith(self._url(self._inputs))

    def _checked(self, url: str) -> str:
        """Of the storage account that is configured: no other gets the account's credentials."""
        own = urlsplit(self._container)
        foreign = InputError(
            f"the blob is not in the storage account of this account ({own.netloc})",
            param="file_id",
        )
        try:
            other = urlsplit(blob_url(url))
        except ValueError as error:
            raise foreign from error
        same = (own.scheme, own.netloc) == (other.scheme, other.netloc)
        parts = unquote(other.path).split("/")
        if not same or other.query or other.fragment or ".." in parts or "." in parts:
            raise foreign
        return other.geturl()

    async def _sent(
        self,
        call: Call,
        method: str,
        url: str,
        body: bytes | Source = b"",
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send, again where that may help; all of it may be done twice without harm."""
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote)}"
        last: Request | None = None

        async def attempt() -> Reply:
            nonlocal last
            made = await self._request(call, method, url)
            last = replace(made, headers={**made.headers, **(headers or {})}, body=body)
            return await send(last, self._refuse)

        async def patient() -> Reply:
            try:
                return await attempt()
            except AuthenticationError:
                if last is None or not await self._credentials.renewed(last.headers):
                    raise
            return await attempt()

        return await retrying(patient, Backoff(retries=call.max_retries))

    async def _request(self, call: Call, method: str, url: str) -> Request:
        extra = {k.lower(): v for k, v in call.extra_headers.items() if k.lower() in TOLD}
        now = await Now()
        own = {"x-ms-version": VERSION, "x-ms-date": formatdate(now, usegmt=True)}
        sas = self._storage.sas
        if sas is not None:
            mark = "&" if "?" in url else "?"
            return Request(
                method,
                f"{url}{mark}{sas.get_secret_value()}",
                {**extra, **own},
                timeout=call.timeout or self._timeout,
            )
        identity = await self._credentials.headers()
        return Request(
            method, url, {**extra, **own, **identity}, timeout=call.timeout or self._timeout
        )

    def _refuse(self, reply: Reply, request: Request) -> APIStatusError:
        """By the code in the header or the XML; what else the body says may hold signatures."""
        found, said = _CODE.search(reply.body), _MESSAGE.search(reply.body)
        code = reply.headers.get("x-ms-error-code") or (found[1].decode() if found else None)
        message = said[1].decode(errors="replace").splitlines()[0] if said else ""
        details = failure_details(reply)
        details["code"] = code
        details["request_id"] = reply.headers.get("x-ms-request-id")
        if reply.status in {409, 412} and code not in {"BlobAlreadyExists", "ConditionNotMet"}:
            return BadRequestError(f"{code or reply.status}: {message}", **details)
        if reply.status in {409, 412}:
            details["retryable"] = False
            return ConflictError(f"{code}: {message}", **details)
        return status_error(f"{code or f'HTTP {reply.status}'}: {message}".rstrip(": "), **details)


def _name(marker: str | None, filename: str) -> str:
    name, first = _plain(filename)[-150:], _plain(marker or uuid.uuid4().hex)
    return name if name.startswith(first) else f"{first}-{name}"


def _plain(text: str) -> str:
    """Characters that mean nothing in a URL or to a service."""
    return _ODD.sub("_", text).lstrip(".") or "file.jsonl"


def _blocks(source: Source) -> Iterator[bytes]:
    block = bytearray()
    for piece in source.chunks():
        block += piece
        while len(block) >= BLOCK:
            yield bytes(block[:BLOCK])
            del block[:BLOCK]
    if block:
        yield bytes(block)


def _file(url: str, size: str | None, made: str | None) -> FileObject:
    return FileObject(
        id=url,
        bytes=int(size) if size and size.isdecimal() and len(size) < 20 else None,
        created_at=_seconds(made),
        filename=unquote(urlsplit(url).path.rpartition("/")[2]),
        purpose="batch",
        status="processed",
    )


def _seconds(text: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except ValueError:
        return None
