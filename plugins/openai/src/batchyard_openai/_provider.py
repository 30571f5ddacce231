"""OpenAI's files and batches, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from batchyard.effects import Stream
from batchyard.errors import APIConnectionError, AuthenticationError, BatchyardError
from batchyard.hookspecs import hookimpl
from batchyard.lines import ResultLine
from batchyard.models import (
    Batch,
    BatchRequest,
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
from batchyard.steps import openai_wire
from batchyard_openai._settings import Settings as OpenAISettings

__all__ = ["OpenAI"]

ENDPOINTS = (
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/videos",
)
"""What can be batched (OpenAI API reference, create batch)."""


class OpenAI:
    """OpenAI, or any service with its API behind ``base_url``."""

    name: ClassVar[str] = "openai"
    contract: ClassVar[str] = ">=1.0,<2"
    aliases: ClassVar[tuple[str, ...]] = ()
    Settings = OpenAISettings

    def __init__(self, settings: OpenAISettings) -> None:
        self._settings = settings
        self._wire = openai_wire.Wire(
            settings.base,
            self._authorise,
            timeout=settings.timeout,
            create_timeout=settings.create_timeout,
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> OpenAISettings | None:
        return OpenAISettings.from_environment(environ)

    async def _authorise(self) -> Mapping[str, str]:
        settings = self._settings
        headers = {"authorization": f"Bearer {settings.api_key.get_secret_value()}"}
        if settings.organization:
            headers["openai-organization"] = settings.organization
        if settings.project:
            headers["openai-project"] = settings.project
        return headers

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        return await openai_wire.upload_file(self._wire, call, file)

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        return await openai_wire.retrieve_file(self._wire, call, file)

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        return await openai_wire.delete_file(self._wire, call, file)

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        return await openai_wire.list_files(self._wire, call, page)

    @hookimpl
    def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        return openai_wire.file_content(self._wire, call, file)

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        return await openai_wire.create_batch(self._wire, call, batch)

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return await openai_wire.retrieve_batch(self._wire, call, batch)

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        return await openai_wire.cancel_batch(self._wire, call, batch)

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        return await openai_wire.list_batches(self._wire, call, page)

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        return await openai_wire.find_file(self._wire, call, marker, since)

    @hookimpl
    async def find_batch(
        self, call: Call, marker: str, input_file: Ref | None, since: float | None
    ) -> Batch | None:
        return await openai_wire.find_batch(self._wire, call, marker, input_file, since)

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return openai_wire.usage_reader(endpoint)

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """50,000 requests and 200 MB a file (OpenAI batch guide, rate limits)."""
        return Limits(
            max_lines=self._settings.max_lines,
            max_bytes=self._settings.max_bytes,
            endpoints=ENDPOINTS,
        )

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        """Whether files and batches can be listed with the key."""
        findings = []
        for check, part in (("files", "files"), ("batches", "batches")):
            findings.append(await self._check(call, check, part))
            if findings[-1].level == "error":
                break
        return findings

    async def _check(self, call: Call, check: str, part: str) -> Finding:
        try:
            await self._wire.get(Page[Batch], call, part, query={"limit": 1})
        except BatchyardError as error:
            return Finding("error", check, error.message, _advice(error, self._settings))
        return Finding("ok", check, f"{self._settings.base} lists {part} with this key")


def _advice(error: BatchyardError, settings: OpenAISettings) -> str:
    match error:
        case AuthenticationError():
            return "Check OPENAI_API_KEY (or api_key), and that it belongs to this organisation."
        case APIConnectionError():
            return f"Check that {settings.base} can be reached from here: proxy, CA, firewall."
        case BatchyardError(status=403):
            return "Give the key read and write permission for files and batches."
        case BatchyardError(status=404):
            return "Check base_url: it ends in /v1 at OpenAI."
        case _:
            return "See the message; try again later if the service is down."
