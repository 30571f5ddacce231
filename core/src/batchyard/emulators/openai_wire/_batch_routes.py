from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchyard.emulators._clock import Clock
from batchyard.emulators.openai_wire._batches import BatchOrder, BatchRecord
from batchyard.emulators.openai_wire._board import Board
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import (
    ApiError,
    missing,
    unknown_parameter,
    wrong_choice,
    wrong_type,
)
from batchyard.emulators.openai_wire._expiry import read_expiry
from batchyard.emulators.openai_wire._files import FileShelf
from batchyard.emulators.openai_wire._pages import (
    Window,
    page_document,
    read_limit,
    refuse_unknown,
)
from batchyard.emulators.openai_wire._replies import Replies, read_json

_DEFAULT_LISTED, _MOST_LISTED = 20, 100
_REQUIRED = ("input_file_id", "endpoint", "completion_window")
_KNOWN = frozenset({*_REQUIRED, "metadata", "output_expires_after"})
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 16, 64, 512


class BatchRoutes:
    """`/batches` and what is below it."""

    def __init__(self, shelf: FileShelf, board: Board, dialect: Dialect, clock: Clock) -> None:
        self._shelf = shelf
        self._board = board
        self._dialect = dialect
        self._clock = clock
        self._replies = Replies(dialect)
        self._made: dict[str, str] = {}

    def routes(self, base: str) -> list[Route]:
        guard = self._replies.guard
        one = f"{base}/batches/{{batch_id}}"
        return [
            Route(f"{base}/batches", guard(self._create), methods=["POST"]),
            Route(f"{base}/batches", guard(self._list), methods=["GET"]),
            Route(one, guard(self._retrieve), methods=["GET"]),
            Route(f"{one}/cancel", guard(self._cancel), methods=["POST"]),
        ]

    async def _create(self, request: Request) -> Response:
        now = self._clock.now()
        body = self._dialect.read_order(await read_json(request), now)
        order = self._order(body)
        file = self._shelf.find(order.input_file_id, now)
        self._dialect.check_input_file(None if file is None else file.state(now))
        if self._dialect.fails_fast:
            await asyncio.to_thread(self._board.refuse_if_full, order, now)
        key = self._dialect.creation_key(request.headers)
        known = None if key is None else self._made.get(key)
        batch = self._board.create(order, now) if known is None else self._board.get(known)
        if key is not None:
            self._made[key] = batch.id
        document = await asyncio.to_thread(self._board.show, batch, now)
        size = 0 if file is None else file.blob.size
        headers = self._dialect.create_headers(self._board.enqueued(now) + size // 4)
        shown = self._dialect.created_document(document)
        return self._replies.json(request, shown, self._dialect.create_status, headers)

    def _order(self, body: dict[str, Any]) -> BatchOrder:
        for name in body:
            if name not in _KNOWN:
                raise unknown_parameter(name)
        for name in _REQUIRED:
            if body.get(name) is None:
                raise missing(name)
            if not isinstance(body[name], str):
                raise wrong_type(name, "a string", body[name])
        if body["endpoint"] not in self._dialect.endpoints:
            raise wrong_choice("endpoint", body["endpoint"], self._dialect.endpoints)
        if body["completion_window"] not in self._dialect.windows:
            raise wrong_choice(
                "completion_window", body["completion_window"], self._dialect.windows
            )
        _check_metadata(body.get("metadata"))
        life = read_expiry(
            body.get("output_expires_after"), "output_expires_after", self._dialect.expiry_seconds
        )
        return BatchOrder(body["input_file_id"], body["endpoint"], body.get("metadata"), life)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        refuse_unknown(query, ("after", "limit", "api-version", *self._dialect.list_parameters))
        limit = read_limit(query, _DEFAULT_LISTED, _MOST_LISTED)
        after = self._board.get(query["after"]) if "after" in query else None
        now = self._clock.now()
        found = self._dialect.listed(self._board.all(), query, now)
        page, has_more = Window(limit, after).select(found)
        if not self._dialect.is_paged("batches"):
            page, has_more = list(reversed(found)), False
        documents = await asyncio.to_thread(self._shown, page, now)
        shown = self._dialect.page_document(page_document(documents, has_more=has_more))
        return self._replies.json(request, shown)

    def _shown(self, page: Sequence[BatchRecord], now: float) -> list[dict[str, Any]]:
        return [self._board.show(batch, now) for batch in page]

    async def _retrieve(self, request: Request) -> Response:
        batch = self._board.read(request.path_params["batch_id"])
        document = await asyncio.to_thread(self._board.show, batch, self._clock.now())
        return self._replies.json(request, document)

    async def _cancel(self, request: Request) -> Response:
        batch = self._board.get(request.path_params["batch_id"])
        now = self._clock.now()
        await asyncio.to_thread(self._board.cancel, batch, now)
        document = await asyncio.to_thread(self._board.show, batch, now)
        return self._replies.json(request, document)


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise wrong_type("metadata", "an object", metadata)
    if len(metadata) > _MAX_PAIRS:
        raise ApiError(
            f"Invalid 'metadata': too many properties. Expected an object with at most "
            f"{_MAX_PAIRS} properties, but got an object with {len(metadata)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )
    for key, value in metadata.items():
        if len(key) > _MAX_KEY:
            raise _too_long("metadata", _MAX_KEY, len(key))
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{key}", "a string", value)
        if len(value) > _MAX_VALUE:
            raise _too_long(f"metadata.{key}", _MAX_VALUE, len(value))


def _too_long(param: str, most: int, length: int) -> ApiError:
    return ApiError(
        f"Invalid '{param}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead.",
        param=param,
        code="string_above_max_length",
    )
