"""Anthropic's operations, as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import ClassVar, Literal

from batchyard.effects import Blocking, Now, Stream
from batchyard.errors import InputError, NotFoundError, UnsupportedError
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
from batchyard_anthropic import _usage
from batchyard_anthropic._api import Api
from batchyard_anthropic._batches import Batches
from batchyard_anthropic._checks import checked
from batchyard_anthropic._folder import DAY, FILE_ID, Folder, Staged
from batchyard_anthropic._inputs import Examined, examined
from batchyard_anthropic._lines import ENDPOINTS
from batchyard_anthropic._results import Results
from batchyard_anthropic._settings import Settings as AccountSettings
from batchyard_anthropic._wire import RESULTS

__all__ = ["Anthropic"]

PAGE = 100


class Anthropic:
    """Message Batches.  The service has no files: what is uploaded waits in a folder."""

    name: ClassVar[str] = "anthropic"
    contract: ClassVar[str] = ">=1.1,<2"
    Settings = AccountSettings

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._folder = Folder(settings.place, settings.keep_days * DAY)
        self._api = Api(settings)
        self._batches = Batches(settings, self._api, self._folder)
        self._results = Results(self._api, self._folder, self._batches)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AccountSettings | None:
        return AccountSettings.from_environment(environ)

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        if file.purpose != "batch":
            raise InputError("Anthropic's files are for batches: purpose=batch", param="purpose")
        found = await Blocking(lambda: examined(file.source, self._settings))
        now = await Now()

        def stored() -> Staged:
            self._folder.sweep(now)

            def made(file_id: str) -> Staged:
                return _staged(file_id, file, found, now)

            return self._folder.store(_plain(call.marker), file.source.chunks(), made)

        return _shown(await Blocking(stored))

    @hookimpl
    async def find_file(self, call: Call, marker: str, since: float | None) -> FileObject | None:
        name = f"file-{_plain(marker)}"
        staged = await Blocking(lambda: self._folder.find(name))
        return None if staged is None else _shown(staged)

    @hookimpl
    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:
        batch_id = _of_results(file.id)
        if batch_id is None:
            return _shown(await Blocking(lambda: self._folder.file(file.id)))
        batch = await self._batches.retrieve(call, Ref(batch_id, file.provider_state))
        if batch.output_file_id != file.id:
            raise NotFoundError(f"batch {batch_id} has no results", status=404)
        return FileObject(id=file.id, purpose="batch_output", created_at=batch.completed_at)

    @hookimpl
    async def delete_file(self, call: Call, file: Ref) -> FileDeleted:
        if _of_results(file.id) is not None:
            raise UnsupportedError("Anthropic deletes results by itself, after 29 days")
        await Blocking(lambda: self._folder.delete(file.id))
        return FileDeleted(id=file.id)

    @hookimpl
    async def list_files(self, call: Call, page: PageRequest) -> Page[FileObject]:
        files = await Blocking(self._folder.files)
        if page.purpose not in {None, "batch"}:
            files = []
        if page.order == "asc":
            files.reverse()
        ids = [one.id for one in files]
        begin = ids.index(page.after) + 1 if page.after in ids else 0
        limit = page.limit or PAGE
        shown = [_shown(one) for one in files[begin : begin + limit]]
        return Page[FileObject](data=shown, has_more=begin + limit < len(files))

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        batch_id = _of_results(file.id)
        if batch_id is not None:
            async with aclosing(self._results.content(call, file, batch_id)) as lines:
                async for line in lines:
                    yield line
            return
        source = await Blocking(lambda: self._folder.content(file.id))
        blocks = source.chunks()
        while block := await Blocking(lambda: next(blocks, b"")):
            yield block

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        return await self._batches.create(call, batch)

    @hookimpl
    async def find_batch(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Batch | None:
        return await self._batches.find(call, marker, input_file, since, known)

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return await self._batches.retrieve(call, batch)

    @hookimpl
    async def cancel_batch(self, call: Call, batch: Ref) -> Batch:
        return await self._batches.cancel(call, batch)

    @hookimpl
    async def list_batches(self, call: Call, page: PageRequest) -> Page[Batch]:
        return await self._batches.listed(call, page)

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        return await checked(call, self._api, self._folder)

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return _usage.read_usage

    @hookimpl
    def billing(self, model: str | None, requested: str | None) -> Billing:
        return _usage.billing_of(model, requested)

    @hookimpl
    def staged_inputs(self) -> Literal["keep", "delete"]:
        return self._settings.staged_inputs

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        return Limits(
            max_lines=self._settings.max_lines,
            max_bytes=self._settings.max_bytes,
            endpoints=ENDPOINTS,
            one_model_per_file=False,
        )


def _staged(file_id: str, file: FileUpload, found: Examined, now: float) -> Staged:
    return Staged(
        file_id,
        file.filename,
        file.source.length,
        int(now),
        found.requests,
        found.endpoint,
        found.ids,
        found.losses.as_json(),
    )


def _shown(staged: Staged) -> FileObject:
    return FileObject(
        id=staged.id,
        filename=staged.filename,
        bytes=staged.bytes,
        created_at=staged.created_at,
        purpose="batch",
        status="processed",
        provider_state=staged.as_state(),
    )


def _plain(marker: str | None) -> str | None:
    """The marker as a part of a name; one that cannot be one is refused."""
    if marker is None:
        return None
    if not FILE_ID.fullmatch(f"file-{marker}"):
        raise InputError("a marker is made of at most 100 letters, digits, - and _")
    return marker


def _of_results(file_id: str) -> str | None:
    """The batch whose results they are, or ``None`` for a file that was uploaded."""
    batch_id = file_id.removesuffix(RESULTS)
    return batch_id if batch_id != file_id else None
