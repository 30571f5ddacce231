"""Vertex AI's Gemini batches, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import ClassVar, Literal

from batchyard.effects import Stream
from batchyard.hookspecs import hookimpl
from batchyard.lines import ResultLine
from batchyard.models import (
    Batch,
    BatchDeleted,
    BatchRequest,
    Billing,
    Call,
    FileDeleted,
    FileObject,
    FileUpload,
    Finding,
    Limits,
    Page,
    PageRequest,
    Ref,
    Usage,
)
from batchyard_vertex import _batches, _check, _deleting, _files
from batchyard_vertex._elsewhere import described, lines_of, parse_uri
from batchyard_vertex._limits import most_rows
from batchyard_vertex._names import Places, ResultId, parse_file_id
from batchyard_vertex._settings import Settings as VertexSettings
from batchyard_vertex._wire import Wire
from batchyard_vertex.auth import Credentials
from batchyard_vertex.storage import Bucket
from batchyard_vertex.translation import ENDPOINTS, result_lines, usage_reader

__all__ = ["Vertex"]


class Vertex:
    """A project's batch prediction jobs, with files in a bucket of its own."""

    name: ClassVar[str] = "vertex"
    contract: ClassVar[str] = ">=1.1,<2"
    aliases: ClassVar[tuple[str, ...]] = ("vertex_ai",)
    Settings = VertexSettings

    def __init__(self, settings: VertexSettings) -> None:
        self._settings = settings
        self._credentials = Credentials(settings)
        self._places = Places(settings)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> VertexSettings | None:
        return VertexSettings.from_environment(environ)

    def _wire(self, call: Call) -> Wire:
        return Wire(self._settings, self._credentials, call)

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        return await _files.upload_file(self._wire(call), self._places, file)

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        """Of results, the size is not known: they are translated as they are read."""
        there = parse_uri(file.id, self._settings)
        if there is not None:
            return await described(self._wire(call), there)
        known = parse_file_id(file.id)
        if isinstance(known, str):
            return await _files.retrieve_input(self._wire(call), self._places, known)
        return await _batches.retrieve_result(self._wire(call), self._places, known)

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        known = parse_file_id(file.id)
        wire = self._wire(call)
        if isinstance(known, str):
            return await _deleting.delete_input(wire, self._places, known)
        return await _deleting.delete_results(wire, self._places, file, known)

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        return await _files.list_files(self._wire(call), self._places, page)

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        """The lines of a file or, where the account may read it, of an object by its address."""
        content = await self._content(self._wire(call), file)
        async with aclosing(content):
            async for piece in content:
                yield piece

    async def _content(self, wire: Wire, file: Ref) -> Stream[bytes]:
        there = parse_uri(file.id, self._settings)
        if there is not None:
            return lines_of(wire, there)
        known = parse_file_id(file.id)
        bucket = Bucket(wire)
        if isinstance(known, ResultId):
            ended = await _batches.ended_job(wire, self._places, file, known)
            return result_lines(bucket, self._places, known, ended)
        return bucket.content(self._places.original(known))

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        return await _batches.create_batch(self._wire(call), self._places, batch)

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return await _batches.retrieve_batch(self._wire(call), self._places, batch)

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        return await _batches.cancel_batch(self._wire(call), self._places, batch)

    @hookimpl
    async def delete_batch(self, call: Call, batch: Ref) -> BatchDeleted:
        return await _deleting.delete_batch(self._wire(call), self._places, batch)

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        return await _batches.list_batches(self._wire(call), self._places, page)

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        return await _files.find_file(self._wire(call), self._places, marker, since)

    @hookimpl
    async def find_batch(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Batch | None:
        return await _batches.find_batch(
            self._wire(call), self._places, marker, input_file, since, known
        )

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return usage_reader(endpoint)

    @hookimpl
    def staged_inputs(self) -> Literal["keep", "delete"]:
        return self._settings.staged_inputs

    @hookimpl
    def billing(self, model: str | None, requested: str | None) -> Billing:
        """What results name, or Vertex's name of what lines asked for, where the jobs are."""
        settings = self._settings
        named = None if requested is None else settings.models.get(requested, requested)
        return Billing(model or named, settings.location)

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """What a file may have (Vertex AI, batch inference; batch embeddings)."""
        return Limits(
            max_lines=most_rows(self._settings, endpoint, model),
            max_bytes=self._settings.max_bytes,
            endpoints=tuple(ENDPOINTS),
        )

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        return await _check.check_account(self._wire(call))
