"""Gemini's operations, as hooks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

from batchyard.effects import Request, Stream
from batchyard.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BatchyardError,
    InputError,
)
from batchyard.hookspecs import hookimpl
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
)
from batchyard.steps import create_once, download, fetch, json_body, retrying, rewritten
from batchyard_gemini._labels import FileLabel, JobLabel
from batchyard_gemini._requests import Translator
from batchyard_gemini._results import lines_of
from batchyard_gemini._service import Service, backoff
from batchyard_gemini._settings import Settings as AccountSettings
from batchyard_gemini._wire import ENDPOINT, File, Files, Operation, Operations, refuse

__all__ = ["Gemini"]

MAX_BYTES = 2_000_000_000
"""Bytes of a file (Gemini API, files)."""


class Gemini:
    """The Gemini API, with a key of AI Studio."""

    name: ClassVar[str] = "gemini"
    contract: ClassVar[str] = ">=1.1,<2"
    Settings = AccountSettings

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._service = Service(settings)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AccountSettings | None:
        return AccountSettings.from_environment(environ)

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        if file.expires_after is not None:
            raise InputError("Gemini keeps every file for 48 hours", param="expires_after")
        translator = Translator(self._settings.lossy)
        source = file.source
        if file.purpose == "batch":
            source = await rewritten(source, translator.row_of)
        # now, since each time it is sent the lines go through the translator again
        losses = translator.losses.as_json()
        label = FileLabel(file.filename, translator.model)

        async def attempt() -> File:
            made: File = await self._service.upload(call, file, source, label)
            return made

        async def left_behind(_since: float) -> File | None:
            return await self._file_marked(call, call.marker or "")

        if call.marker is None:
            stored = await retrying(attempt, backoff(call))
        else:
            stored = await create_once(attempt, left_behind, backoff(call))
        return stored.object().model_copy(update={"provider_state": losses})

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        found = await self._service.get(File, call, self._service.path("files", file.id))
        return found.object()

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        await self._service.do(call, "DELETE", self._service.path("files", file.id))
        return FileDeleted(id=file.id)

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        found = await self._service.page(Files, call, "files", page)
        token = found.next_page_token or None
        files = [one.object() for one in found.files]
        return Page[FileObject](data=files, has_more=token is not None, cursor=token)

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        path = self._service.content_path(file.id)

        async def request() -> Request:
            return self._service.request(call, "GET", path)

        content = download(request, backoff(call), refuse)
        async with aclosing(lines_of(content)) as pieces:
            async for piece in pieces:
                yield piece

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        if batch.endpoint != ENDPOINT:
            raise InputError(f"Gemini takes {ENDPOINT} alone", param="endpoint")
        if batch.output_expires_after is not None:
            raise InputError("Gemini keeps results for 48 hours", param="output_expires_after")
        marker = call.marker or call.request_id
        # whoever uploads a file for one batch keeps its metadata too
        notes = {} if batch.own_input else dict(batch.metadata or {})
        label = JobLabel(marker, _named(batch.input_file.id), notes)
        order = {
            "batch": {
                "displayName": str(label),
                "inputConfig": {"fileName": label.file},
                **call.extra_body,
            }
        }
        path = self._service.create_path(await self._model(call, batch))
        request = self._service.request(call, "POST", path, json_body(order))
        request = replace(request, timeout=call.timeout or self._settings.create_timeout)

        async def send() -> Batch:
            return (await fetch(Operation, request, refuse)).batch()

        async def left_behind(_since: float) -> Batch | None:
            return await self._job_of(call, marker, None, frozenset())

        return await create_once(send, left_behind, backoff(call))

    async def _model(self, call: Call, batch: BatchRequest) -> str:
        """The model, which stands in the address: of the lines, or of the file's label."""
        if batch.models:
            return batch.models[0]
        path = self._service.path("files", batch.input_file.id)
        model = (await self._service.get(File, call, path)).label.model
        if model is None:
            raise InputError(
                f"{batch.input_file.id} does not say for which model it is: it was not uploaded "
                "with batchyard, or its rows are Gemini's own and name none",
                param="input_file_id",
            )
        return model

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        path = self._service.path("batches", batch.id)
        return (await self._service.get(Operation, call, path)).batch()

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        """Cancel, or read a batch that has ended.  The state lags: until it shows, we say so."""
        try:
            await self._service.do(
                call, "POST", self._service.path("batches", batch.id, ":cancel"), b"{}"
            )
        except APIStatusError as error:
            if error.status not in {400, 409}:
                raise
            current = await self.retrieve_batch(call, batch)
            if not current.terminal:
                raise
            return current
        current = await self.retrieve_batch(call, batch)
        if current.terminal:
            return current
        return current.model_copy(update={"status": "cancelling"})

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        found = await self._service.page(Operations, call, "batches", page)
        token = found.next_page_token or None
        batches = [one.batch() for one in found.operations]
        return Page[Batch](data=batches, has_more=token is not None, cursor=token)

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        found = await self._file_marked(call, marker)
        return None if found is None else found.object()

    @hookimpl
    async def find_batch(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Batch | None:
        return await self._job_of(call, marker, input_file, known)

    async def _file_marked(self, call: Call, marker: str) -> File | None:
        found: list[File] = []
        async with aclosing(self._walk(Files, call, "files")) as pages:
            async for page in pages:
                found += [one for one in page.files if marker in one.label.filename]
        return min(found, key=lambda one: (one.create_time or "", one.name), default=None)

    async def _job_of(
        self, call: Call, marker: str, input_file: Ref | None, known: frozenset[str]
    ) -> Batch | None:
        """The oldest of that marker or file.  Nobody documents the order of a list."""
        name = None if input_file is None else _named(input_file.id)
        found: list[Operation] = []
        async with aclosing(self._walk(Operations, call, "batches")) as pages:
            async for page in pages:
                for one in page.operations:
                    label = one.label
                    ours = label.marker == marker or (name is not None and label.file == name)
                    if ours and one.batch().id not in known:
                        found.append(one)
        oldest = min(
            found, key=lambda one: (one.metadata.create_time or "", one.name), default=None
        )
        return None if oldest is None else oldest.batch()

    async def _walk(self, model: Any, call: Call, kind: str) -> Stream[Any]:
        """All pages: what is older than 48 hours is gone, so there are not many."""
        page = PageRequest()
        while True:
            found = await self._service.page(model, call, kind, page)
            yield found
            if not found.next_page_token or found.next_page_token == page.after:
                return
            page = PageRequest(after=found.next_page_token)

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        """Whether files and batches can be listed with the key."""
        findings = []
        for kind, model in (("files", Files), ("batches", Operations)):
            findings.append(await self._check(call, kind, model))
            if findings[-1].level == "error":
                break
        return findings

    async def _check(self, call: Call, kind: str, model: Any) -> Finding:
        try:
            await self._service.page(model, call, kind, PageRequest(limit=1))
        except BatchyardError as error:
            return Finding("error", kind, error.message, _advice(error, self._settings))
        return Finding("ok", kind, f"{self._settings.base_url} lists {kind} with this key")

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        """2 GB a file; how many lines is not documented."""
        return Limits(max_bytes=MAX_BYTES, endpoints=(ENDPOINT,))


def _named(file: str) -> str:
    return file if file.startswith("files/") else f"files/{file}"


def _advice(error: BatchyardError, settings: AccountSettings) -> str:
    match error:
        case AuthenticationError():
            return "Check GEMINI_API_KEY (or api_key): make one in AI Studio."
        case APIConnectionError():
            return f"Check that {settings.base_url} can be reached from here: proxy, CA, firewall."
        case BatchyardError(status=403):
            return "The key's project must have the Generative Language API, and the key allow it."
        case _:
            return "See the message; try again later if the service is down."
