"""Azure OpenAI's files and batches, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from batchyard.effects import Stream
from batchyard.errors import BadRequestError
from batchyard.hookspecs import hookimpl
from batchyard.lines import ResultLine
from batchyard.models import (
    Batch,
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
from batchyard.steps import openai_wire, rewritten
from batchyard_azure._billing import billed
from batchyard_azure._checks import check_account
from batchyard_azure._errors import not_ready, refusal
from batchyard_azure._files import delete_file, presented, processed, usable
from batchyard_azure._lines import ENDPOINTS, rewriter, v1_endpoint
from batchyard_azure._settings import Settings as AzureSettings

__all__ = ["Azure"]


class Azure:
    """One resource of Azure OpenAI, by its v1 API."""

    name: ClassVar[str] = "azure"
    aliases: ClassVar[tuple[str, ...]] = ()
    Settings = AzureSettings

    def __init__(self, settings: AzureSettings) -> None:
        self._settings = settings
        self._rewrite = rewriter(settings.names)
        self._wire = openai_wire.Wire(
            settings.base_url,
            self._authorise,
            query=settings.query,
            refuse=refusal,
            timeout=settings.timeout,
            create_timeout=settings.create_timeout,
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AzureSettings | None:
        return AzureSettings.from_environment(environ)

    async def _authorise(self) -> Mapping[str, str]:
        return {"api-key": self._settings.api_key.get_secret_value()}

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        """Upload with deployments for models, and wait until a batch can be made of the file."""
        if file.purpose == "batch":
            file = replace(file, source=await rewritten(file.source, self._rewrite))
        stored = await openai_wire.upload_file(self._wire, call, file)
        return await self._processed(call, stored)

    async def _processed(self, call: Call, file: FileObject) -> FileObject:
        return await processed(self._wire, call, file, self._settings.processing_timeout)

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        return presented(await openai_wire.retrieve_file(self._wire, call, file))

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        return await delete_file(self._wire, call, file)

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        listed = await openai_wire.list_files(self._wire, call, page)
        return listed.model_copy(update={"data": [presented(one) for one in listed.data]})

    @hookimpl
    def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        return openai_wire.file_content(self._wire, call, file)

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        batch = replace(batch, endpoint=v1_endpoint(batch.endpoint))
        try:
            return _presented(await openai_wire.create_batch(self._wire, call, batch))
        except BadRequestError as error:
            if not not_ready(error):
                raise
        # whoever uploaded the file did not wait for it
        stored = await openai_wire.retrieve_file(self._wire, call, batch.input_file)
        await self._processed(call, stored)
        return _presented(await openai_wire.create_batch(self._wire, call, batch))

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return _presented(await openai_wire.retrieve_batch(self._wire, call, batch))

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        return _presented(await openai_wire.cancel_batch(self._wire, call, batch))

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        listed = await openai_wire.list_batches(self._wire, call, page)
        return listed.model_copy(update={"data": [_presented(one) for one in listed.data]})

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        """What is found is waited for, as after an upload; what cannot be used is not found."""
        found = await openai_wire.find_file(self._wire, call, marker, since)
        return await self._processed(call, found) if found and usable(found) else None

    @hookimpl
    async def find_batch(
        self, call: Call, marker: str, input_file: Ref | None, since: float | None
    ) -> Batch | None:
        found = await openai_wire.find_batch(self._wire, call, marker, input_file, since)
        return None if found is None else _presented(found)

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return openai_wire.usage_reader(endpoint)

    @hookimpl
    def billing(self, model: str | None, requested: str | None) -> Billing:
        return billed(self._settings.deployments, model, requested)

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """100,000 requests and 200 MB a file (Azure OpenAI quotas and limits, batch)."""
        return Limits(
            max_lines=self._settings.max_lines,
            max_bytes=self._settings.max_bytes,
            endpoints=ENDPOINTS,
        )

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        """Whether files and batches can be listed with the key."""
        return await check_account(self._wire, call)


def _presented(batch: Batch) -> Batch:
    """The batch with its endpoint as OpenAI writes it; this service may leave it empty."""
    endpoint = v1_endpoint(batch.endpoint) if batch.endpoint else None
    return batch if endpoint == batch.endpoint else batch.model_copy(update={"endpoint": endpoint})
