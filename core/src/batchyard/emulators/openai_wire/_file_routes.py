from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchyard.emulators._clock import Clock
from batchyard.emulators._multipart import Form, FormError, FormReader, FormTooLargeError
from batchyard.emulators._quirks import Quirks
from batchyard.emulators._store import StoreFullError
from batchyard.emulators.openai_wire._board import Board
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError, missing, wrong_choice
from batchyard.emulators.openai_wire._expiry import read_form_expiry
from batchyard.emulators.openai_wire._files import PURPOSES, File, FileShelf, NewFile
from batchyard.emulators.openai_wire._pages import (
    Window,
    page_document,
    read_limit,
    read_order,
    refuse_unknown,
)
from batchyard.emulators.openai_wire._replies import Replies
from batchyard.emulators.openai_wire._validation import first_issue

_MOST_LISTED = 10_000
_KNOWN_FIELDS = frozenset(
    {"purpose", "expires_after[anchor]", "expires_after[seconds]", "expires_after"}
)


class FileRoutes:
    """`/files` and what is below it."""

    def __init__(
        self, shelf: FileShelf, board: Board, dialect: Dialect, clock: Clock, quirks: Quirks
    ) -> None:
        self._shelf = shelf
        self._board = board
        self._dialect = dialect
        self._clock = clock
        self._quirks = quirks
        self._replies = Replies(dialect)

    def routes(self, base: str) -> list[Route]:
        guard = self._replies.guard
        one = f"{base}/files/{{file_id}}"
        return [
            Route(f"{base}{self._dialect.upload_path}", guard(self._upload), methods=["POST"]),
            Route(f"{base}/files", guard(self._list), methods=["GET"]),
            Route(one, guard(self._retrieve), methods=["GET"]),
            Route(one, guard(self._delete), methods=["DELETE"]),
            Route(f"{one}/content", guard(self._content), methods=["GET"]),
        ]

    async def _upload(self, request: Request) -> Response:
        form = await self._read(request)
        now = self._clock.now()
        try:
            new = self._checked(form)
            await self._validate(new)
            self._dialect.check_quota(new.life, self._shelf.all(now))
        except ApiError:
            if form.file is not None:
                await asyncio.to_thread(self._shelf.store.delete, form.file.blob)
            raise
        file = self._shelf.add(new, now, processing=True)
        headers = self._dialect.upload_headers(file.id, request)
        return self._replies.json(request, self._show(file), self._dialect.upload_status, headers)

    async def _validate(self, new: NewFile) -> None:
        if not (self._dialect.validates_uploads and new.purpose == "batch"):
            return
        issue = await asyncio.to_thread(first_issue, new.blob, self._dialect)
        if issue is not None:
            where = "" if issue.line is None else f"Line {issue.line}: "
            raise ApiError(f"{where}{issue.message}", param=issue.param, code=issue.code)

    async def _read(self, request: Request) -> Form:
        reader = FormReader(self._shelf.store, self._most_bytes)
        chunks = request.stream()
        try:
            return await reader.read(request.headers.get("content-type", ""), chunks)
        except FormTooLargeError as error:
            await _drain(chunks)
            raise ApiError("File is too large.", status=400) from error
        except StoreFullError as error:
            await _drain(chunks)
            raise ApiError(
                "You have exceeded your file storage quota. Please delete files to free up space."
            ) from error
        except FormError as error:
            await _drain(chunks)
            raise ApiError(f"Could not parse multipart form: {error}.") from error

    def _most_bytes(self, fields: Mapping[str, str]) -> int:
        is_batch = self._dialect.read_form(fields).get("purpose") == "batch"
        return self._dialect.max_batch_file_bytes if is_batch else self._dialect.max_file_bytes

    def _checked(self, form: Form) -> NewFile:
        fields = self._dialect.read_form(form.fields)
        purpose = fields.get("purpose")
        if form.file is None or form.file.field != "file":
            raise missing("file")
        if not purpose:
            raise missing("purpose")
        if purpose not in PURPOSES:
            raise wrong_choice("purpose", purpose, PURPOSES)
        for name in fields:
            if name not in _KNOWN_FIELDS:
                raise ApiError(
                    f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter"
                )
        self._dialect.check_part(form.file.content_type)
        is_batch = purpose == "batch"
        if is_batch and not form.file.filename.endswith(".jsonl"):
            raise ApiError("Invalid file format for Batch API. Must be .jsonl", param="file")
        life = self._dialect.file_life(read_form_expiry(fields, self._dialect.expiry_seconds))
        if life is None and is_batch:
            life = self._dialect.batch_file_life
        return NewFile(purpose, form.file.filename, form.file.blob, life)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        refuse_unknown(query, ("purpose", "limit", "order", "after", "api-version"))
        limit = read_limit(query, _MOST_LISTED, _MOST_LISTED)
        is_ascending = read_order(query)
        now = self._clock.now()
        await asyncio.to_thread(self._board.advance_all, now)
        after = self._shelf.get(query["after"], now) if "after" in query else None
        files = self._shelf.all(now, query.get("purpose"))
        page, has_more = Window(limit, after, is_ascending).select(files)
        if not self._dialect.is_paged("files"):
            page, has_more = list(reversed(files)), False
        document = page_document([self._show(file) for file in page], has_more=has_more)
        return self._replies.json(request, self._dialect.page_document(document))

    async def _retrieve(self, request: Request) -> Response:
        file = self._shelf.get(request.path_params["file_id"], self._clock.now())
        return self._replies.json(request, self._show(file))

    async def _delete(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        self._shelf.delete(file_id, self._clock.now())
        if self._dialect.delete_status() == 204:
            return Response(status_code=204, headers=self._dialect.headers(request))
        return self._replies.json(request, {"object": "file", "id": file_id, "deleted": True})

    async def _content(self, request: Request) -> Response:
        file = self._shelf.get(request.path_params["file_id"], self._clock.now())
        return self._replies.content(
            request, file.blob, file.filename, has_ranges="no-range" not in self._quirks
        )

    def _show(self, file: File) -> dict[str, Any]:
        return self._dialect.file_document(file.document(self._clock.now()))


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Take in what is still being sent: a client that writes would not read the refusal."""
    async for _ in chunks:
        continue
