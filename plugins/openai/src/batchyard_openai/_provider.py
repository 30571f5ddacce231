"""OpenAI's files and batches, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from batchyard.effects import Stream
from batchyard.errors import APIConnectionError, AuthenticationError, BatchyardError
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
from batchyard.steps import openai_wire
from batchyard_openai import _dialects
from batchyard_openai._settings import Settings as OpenAISettings

__all__ = ["OpenAI"]


class OpenAI:
    """OpenAI, or a service with its API: a ``host``, or whatever is behind ``base_url``."""

    name: ClassVar[str] = "openai"
    contract: ClassVar[str] = ">=1.1,<2"
    aliases: ClassVar[tuple[str, ...]] = ()
    Settings = OpenAISettings

    def __init__(self, settings: OpenAISettings) -> None:
        self._settings = settings
        self._host = settings.at
        self._wire = openai_wire.Wire(
            settings.base,
            self._authorise,
            plain=_dialects.plain_reply(self._host),
            upload=tuple(self._host.upload_path.split("/")),
            timeout=settings.timeout,
            create_timeout=settings.create_timeout,
        )

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], given: Mapping[str, Any] = MappingProxyType({})
    ) -> OpenAISettings | None:
        return OpenAISettings.from_environment(environ, given)

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
        call = _dialects.form_for(self._host, call, file)
        file = await _dialects.upload_for(self._host, file)
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
        content = openai_wire.file_content(self._wire, call, file)
        return _dialects.whole_lines(content) if self._host.bare_lines else content

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        call, batch = _dialects.order_for(self._host, call, batch)
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
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Batch | None:
        return await openai_wire.find_batch(self._wire, call, marker, input_file, since, known)

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return openai_wire.usage_reader(endpoint)

    @hookimpl
    def billing(self, model: str | None, requested: str | None) -> Billing:
        """Of a host the host's own prices: a model of the same name costs something else there."""
        host, billed = self._host, model or requested
        if host.prices == self.name:
            return Billing(billed)
        return Billing(billed, provider=host.prices or host.base_url, discount=host.discount)

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """At OpenAI 50,000 requests and 200 MB a file (OpenAI batch guide, rate limits)."""
        return Limits(
            max_lines=self._settings.most_lines,
            max_bytes=self._settings.most_bytes,
            endpoints=self._host.endpoints,
            completion_windows=self._host.windows,
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
            key = settings.at.key
            return f"Check {f'{key} (or api_key)' if key else 'api_key'}, and whose key it is."
        case APIConnectionError():
            return f"Check that {settings.base} can be reached from here: proxy, CA, firewall."
        case BatchyardError(status=403):
            return "Give the key read and write permission for files and batches."
        case BatchyardError(status=404):
            return f"Check base_url: it is {settings.at.base_url} at {settings.at.title}."
        case _:
            return "See the message; try again later if the service is down."
