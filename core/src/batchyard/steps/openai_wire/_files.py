"""The files API (OpenAI API reference, Files)."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

from batchyard.effects import Plan, Request, Source, Stream
from batchyard.models import Call, FileDeleted, FileObject, FileUpload, Page, PageRequest, Ref
from batchyard.steps._bodies import BytesSource
from batchyard.steps._calls import json_body
from batchyard.steps._content import download
from batchyard.steps._multipart import FilePart, Multipart
from batchyard.steps._pages import walk
from batchyard.steps._retry import create_once, retrying
from batchyard.steps.openai_wire._look_up import sought
from batchyard.steps.openai_wire._wire import Wire

__all__ = ["delete_file", "file_content", "find_file", "list_files", "retrieve_file", "upload_file"]


SMALL = 64 * 1024
"""Bytes of a form that is sent in one piece: what is in memory needs no trips to a thread."""


async def upload_file(wire: Wire, call: Call, file: FileUpload) -> FileObject:
    """Upload, in pieces.

    With a marker in the call, its file name must contain the marker, and an
    upload whose reply was lost is looked for before it is sent again.  Without
    one it is simply sent again: what it left behind expires, and costs nothing.
    """

    async def send() -> FileObject:
        form = Multipart(_fields(file, call), _part(file))
        body: bytes | Source = form
        if isinstance(file.source, BytesSource) and form.length <= SMALL:
            body = b"".join(form.chunks())
        request = await wire.request(call, "POST", wire.url(*wire.upload), body, form.content_type)
        return await wire.fetch(FileObject, request)

    if call.marker is None:
        return await retrying(send, wire.backoff(call))
    marker = call.marker

    def find(since: float) -> Plan[FileObject | None]:
        return find_file(wire, call, marker, since)

    return await create_once(send, find, wire.backoff(call))


def _fields(file: FileUpload, call: Call) -> list[tuple[str, str]]:
    fields: dict[str, Any] = {"purpose": file.purpose}
    if file.expires_after is not None:
        fields["expires_after[anchor]"] = file.expires_after.anchor
        fields["expires_after[seconds]"] = file.expires_after.seconds
    fields |= call.extra_body
    return [
        (key, value if isinstance(value, str) else json_body(value).decode())
        for key, value in fields.items()
    ]


def _part(file: FileUpload) -> FilePart:
    return FilePart("file", file.filename, file.content_type, file.source)


async def retrieve_file(wire: Wire, call: Call, file: Ref) -> FileObject:
    return await wire.get(FileObject, call, "files", file.id)


async def delete_file(wire: Wire, call: Call, file: Ref) -> FileDeleted:
    return await wire.delete(FileDeleted, call, "files", file.id)


async def list_files(wire: Wire, call: Call, page: PageRequest) -> Page[FileObject]:
    query = {
        "after": page.after,
        "limit": page.limit,
        "order": page.order,
        "purpose": page.purpose,
    }
    return await wire.get(Page[FileObject], call, "files", query=query)


async def file_content(wire: Wire, call: Call, file: Ref) -> Stream[bytes]:
    async def request() -> Request:
        wanted = await wire.request(call, "GET", wire.url("files", file.id, "content"))
        return replace(wanted, headers={**wanted.headers, "accept": "application/binary"})

    async with aclosing(download(request, wire.backoff(call), wire.refuse)) as pieces:
        async for piece in pieces:
            yield piece


async def find_file(
    wire: Wire, call: Call, marker: str, since: float | None = None
) -> FileObject | None:
    """The batch input whose name contains *marker*, made at *since* or later."""
    first = PageRequest(limit=100, order="desc", purpose="batch")
    async with aclosing(walk(lambda page: list_files(wire, call, page), first)) as listed:
        return await sought(listed, lambda file: marker in (file.filename or ""), since)
