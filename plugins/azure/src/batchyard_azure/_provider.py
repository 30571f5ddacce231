"""Azure OpenAI's files and batches, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar, Literal, TypeVar

from batchyard.effects import Plan, Stream
from batchyard.errors import AuthenticationError, BadRequestError, InputError
from batchyard.hookspecs import hookimpl
from batchyard.lines import ResultLine
from batchyard.models import (
    Batch,
    BatchRequest,
    Billing,
    Call,
    ExpiresAfter,
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
from batchyard.steps import openai_wire, rewritten
from batchyard_azure._batches import create_from_blob, find_batch, kept, presented, with_expiry
from batchyard_azure._billing import billed
from batchyard_azure._blobs import Blobs
from batchyard_azure._checks import check_account
from batchyard_azure._credentials import STORAGE_SCOPE, Credentials
from batchyard_azure._errors import not_ready, refusal
from batchyard_azure._files import delete_file, processed, shown, usable
from batchyard_azure._lines import ENDPOINTS, dated_endpoint, rewriter, v1_endpoint
from batchyard_azure._settings import Settings as AzureSettings

__all__ = ["Azure"]

T = TypeVar("T")

MOST_HEADERS = 10
"""Headers of one's own that a request may have; more are answered with 431 (Azure OpenAI quotas
and limits)."""


class Azure:
    """One resource of Azure OpenAI, by its v1 API or by a dated one."""

    name: ClassVar[str] = "azure"
    contract: ClassVar[str] = ">=1.1,<2"
    aliases: ClassVar[tuple[str, ...]] = ()
    Settings = AzureSettings

    def __init__(self, settings: AzureSettings) -> None:
        self._settings = settings
        self._rewrite = rewriter(settings.names, dated=settings.dated)
        self._credentials = Credentials(settings, settings.token_scope)
        self._wire = openai_wire.Wire(
            settings.base_url,
            self._credentials.headers,
            query=settings.query,
            refuse=refusal,
            received=kept,
            timeout=settings.timeout,
            create_timeout=settings.create_timeout,
        )
        self._blobs = (
            Blobs(settings.storage, Credentials(settings, STORAGE_SCOPE), settings.timeout)
            if settings.storage
            else None
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AzureSettings | None:
        return AzureSettings.from_environment(environ)

    async def _sent(self, call: Call, operation: Callable[[], Plan[T]]) -> T:
        """What the operation ends with; once more, with a new token, if its own was refused."""
        if len(call.extra_headers) > MOST_HEADERS:
            raise InputError(
                f"{len(call.extra_headers)} extra headers are given, and the service takes "
                f"{MOST_HEADERS}; leave some out",
                param="extra_headers",
            )
        used = await self._credentials.headers() if self._credentials.renews else {}
        try:
            return await operation()
        except AuthenticationError:
            if not await self._credentials.renewed(used):
                raise
        return await operation()

    def _in_blobs(self, file_id: str) -> Blobs | None:
        """The container, if that is where the file is."""
        return self._blobs if self._blobs is not None and self._blobs.owns(file_id) else None

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        """Upload with deployments for models, and wait until a batch can be made of the file.

        What is for batches has an expiry: files without one have a quota of 500.
        """
        if file.purpose == "batch":
            source = await rewritten(file.source, self._rewrite)
            expires = file.expires_after or ExpiresAfter(self._settings.file_expiry)
            file = replace(file, source=source, expires_after=expires)
            if self._blobs is not None:
                return await self._blobs.upload(call, file)
        stored = await self._sent(call, lambda: openai_wire.upload_file(self._wire, call, file))
        return await self._processed(call, stored)

    async def _processed(self, call: Call, file: FileObject) -> FileObject:
        longest = self._settings.processing_timeout
        return await self._sent(call, lambda: processed(self._wire, call, file, longest))

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        blobs = self._in_blobs(file.id)
        if blobs is not None:
            return await blobs.retrieve(call, file.id)
        found = await self._sent(call, lambda: openai_wire.retrieve_file(self._wire, call, file))
        return shown(found)

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        blobs = self._in_blobs(file.id)
        if blobs is not None:
            return await blobs.delete(call, file.id)
        return await self._sent(call, lambda: delete_file(self._wire, call, file))

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        if self._blobs is not None:
            return await self._blobs.list(call, page)
        listed = await self._sent(call, lambda: openai_wire.list_files(self._wire, call, page))
        return listed.model_copy(update={"data": [shown(one) for one in listed.data]})

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        blobs = self._in_blobs(file.id)
        if blobs is not None:
            content = blobs.content(call, file)
        else:
            content = self._credentials.streamed(
                lambda: openai_wire.file_content(self._wire, call, file)
            )
        async with aclosing(content) as pieces:
            async for piece in pieces:
                yield piece

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        endpoint = dated_endpoint if self._settings.dated else v1_endpoint
        batch = replace(batch, endpoint=endpoint(v1_endpoint(batch.endpoint)))
        blobs, storage = self._in_blobs(batch.input_file.id), self._settings.storage
        if blobs is not None and storage is not None:
            told = storage.metadata
            return presented(
                await self._sent(
                    call,
                    lambda: create_from_blob(self._wire, call, batch, blobs, metadata=told),
                )
            )
        batch = with_expiry(self._settings, batch)
        try:
            return await self._created(call, batch)
        except BadRequestError as error:
            if not not_ready(error):
                raise
        # whoever uploaded the file did not wait for it
        stored = await openai_wire.retrieve_file(self._wire, call, batch.input_file)
        await self._processed(call, stored)
        return await self._created(call, batch)

    async def _created(self, call: Call, batch: BatchRequest) -> Batch:
        return presented(
            await self._sent(call, lambda: openai_wire.create_batch(self._wire, call, batch))
        )

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return presented(
            await self._sent(call, lambda: openai_wire.retrieve_batch(self._wire, call, batch))
        )

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        return presented(
            await self._sent(call, lambda: openai_wire.cancel_batch(self._wire, call, batch))
        )

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        listed = await self._sent(call, lambda: openai_wire.list_batches(self._wire, call, page))
        return listed.model_copy(update={"data": [presented(one) for one in listed.data]})

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        """What is found is waited for, as after an upload; what cannot be used is not found."""
        if self._blobs is not None:
            return await self._blobs.find(call, marker)
        found = await self._sent(
            call, lambda: openai_wire.find_file(self._wire, call, marker, since)
        )
        return await self._processed(call, found) if found and usable(found) else None

    @hookimpl
    async def find_batch(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Batch | None:
        found = await self._sent(
            call, lambda: find_batch(self._wire, call, marker, input_file, since, known)
        )
        return None if found is None else presented(found)

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return openai_wire.usage_reader(v1_endpoint(endpoint))

    @hookimpl
    def billing(self, model: str | None, requested: str | None) -> Billing:
        return billed(self._settings.deployments, model, requested)

    @hookimpl
    def staged_inputs(self) -> Literal["keep", "delete"]:
        return self._settings.staged_inputs

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """100,000 requests and 200 MB a file, or 1 GB (Azure OpenAI quotas and limits, batch)."""
        return Limits(
            max_lines=self._settings.max_lines,
            max_bytes=self._settings.most_bytes,
            endpoints=ENDPOINTS,
        )

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        """What can be told of the account without a batch; each finding says what to do."""
        return await check_account(self._settings, self._wire, self._blobs, call)
