"""Files: objects in the account's bucket, and what jobs write there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote, unquote

from batchyard.effects import Blocking, Now
from batchyard.errors import (
    InputError,
    InvalidLinesError,
    LineProblem,
    NotFoundError,
    UnsupportedError,
)
from batchyard.models import FileObject, FileUpload, Page, PageRequest
from batchyard.steps import BytesSource, json_body
from batchyard_vertex._limits import most_rows
from batchyard_vertex._names import Places, file_id_at, token_of
from batchyard_vertex._settings import Settings
from batchyard_vertex._wire import Wire
from batchyard_vertex.storage import Bucket, StoredObject
from batchyard_vertex.translation import Options, Translated, losses_in, translated, whole

__all__ = ["find_file", "list_files", "retrieve_input", "upload_file"]

SKEW = 60
"""Seconds by which Google's clock may be behind ours."""


async def upload_file(wire: Wire, places: Places, file: FileUpload) -> FileObject:
    """Translate the file and store it, beside its original and the map of its ids.

    The record comes last: a file without one is not there.  It has the report of
    what could not be carried.
    """
    if file.purpose != "batch":
        raise UnsupportedError(f"Vertex keeps files for batches, not for {file.purpose!r}")
    if file.expires_after is not None:
        raise UnsupportedError(
            "objects in a bucket do not expire one by one: give the bucket a lifecycle rule",
            param="expires_after",
        )
    made: Translated = await Blocking(lambda: translated(file.source, options_of(wire.settings)))
    _check_rows(wire, made)
    file_id = file_id_at(await Now(), token_of(wire.call.marker))
    bucket = Bucket(wire)
    await bucket.store(places.original(file_id), file.source)
    await bucket.store(places.input(file_id), made.source)
    await bucket.store(places.ids(file_id), made.ids)
    about = {
        "filename": quote(file.filename),
        "bytes": str(file.source.length),
        "lines": str(made.lines),
        "left_out": str(made.left_out),
        "model": made.model,
        "endpoint": made.endpoint,
    }
    if made.rows != made.lines - made.left_out:
        # what a job counts is rows, and not lines
        about["rows"] = str(made.rows)
    losses = made.losses.as_json()
    told = {"losses": losses} if losses["fields"] else {}
    if told:
        about["losses"] = str(len(losses["fields"]))
    record = BytesSource(json_body({**about, **told}))
    await bucket.store(places.record(file_id), record, about)
    return await retrieve_input(wire, places, file_id)


def options_of(settings: Settings) -> Options:
    return Options(
        models=settings.models,
        lossy=settings.lossy,
        efforts=settings.efforts,
        embedding_config=settings.embedding_config,
    )


def _check_rows(wire: Wire, made: Translated) -> None:
    """Of some requests, Vertex AI takes several rows."""
    most = most_rows(wire.settings, made.endpoint, made.model)
    if made.rows > most:
        message = (
            f"The file comes to {made.rows} requests for Vertex AI, and {most} are taken. Split it."
        )
        raise InvalidLinesError([LineProblem(0, "too_many_tasks", message)], 1)


async def retrieve_input(wire: Wire, places: Places, file_id: str) -> FileObject:
    try:
        record = await Bucket(wire).metadata(places.record(file_id))
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no file {file_id!r}", status=error.status, code=error.code, param="file_id"
        ) from None
    losses: dict[str, Any] = {}
    if "losses" in (record.metadata or {}):
        content = Bucket(wire).content(places.record(file_id))
        losses = losses_in(await whole(content))
    return _file(file_id, record, losses)


def _file(
    file_id: str, record: StoredObject, losses: Mapping[str, Any] | None = None
) -> FileObject:
    about = record.metadata or {}
    state: dict[str, Any] = {
        name: about[name]
        for name in ("lines", "left_out", "rows", "model", "endpoint")
        if name in about
    }
    if losses:
        state["losses"] = losses
    size = about.get("bytes", "")
    return FileObject.model_validate(
        {
            "id": file_id,
            "bytes": int(size) if size.isdecimal() and len(size) < 16 else None,
            "created_at": record.time_created,
            "filename": unquote(about.get("filename", "")) or None,
            "purpose": "batch",
            "status": "processed",
            "provider_state": state,
        }
    )


async def list_files(wire: Wire, places: Places, page: PageRequest) -> Page[FileObject]:
    """Input files, newest first: that is the order of their names."""
    if page.order == "asc":
        raise InputError("Vertex lists files newest first, and not otherwise", param="order")
    if page.purpose not in {None, "batch"}:
        return Page[FileObject](data=[])
    after = f"{places.record(page.after)}~" if page.after else None
    listing = await Bucket(wire).list(places.records, after=after, limit=page.limit or 1000)
    files = []
    for item in listing.items:
        file_id = places.file_of_record(item.name)
        if file_id is not None:
            files.append(_file(file_id, item))
    return Page[FileObject](
        data=files,
        first_id=files[0].id if files else None,
        last_id=files[-1].id if files else None,
        has_more=bool(listing.next_page_token),
    )


async def find_file(
    wire: Wire, places: Places, marker: str, since: float | None
) -> FileObject | None:
    """The newest file with the marker in its name, and whole: only then has it a record."""
    token = token_of(marker)
    glob = f"{places.records}file-*-{token}.json"
    async with aclosing(Bucket(wire).walk(places.records, glob)) as found:
        async for item in found:
            file_id = places.file_of_record(item.name)
            if file_id is None or not file_id.endswith(f"-{token}"):
                continue
            file = _file(file_id, item)
            if since is None or (file.created_at or since) >= since - SKEW:
                return file
    return None
