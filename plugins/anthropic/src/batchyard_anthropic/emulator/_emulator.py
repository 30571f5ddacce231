"""Anthropic's Message Batches on a loopback port."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from typing import Any, ClassVar, TypeAlias, Unpack

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from batchyard.emulators import Emulator, EmulatorOptions, Quirk, Trial
from batchyard_anthropic.emulator._batches import Entry, Pace
from batchyard_anthropic.emulator._errors import RefusedError, document

__all__ = ["AnthropicEmulator"]

KEY = "sk-ant-emulator-0123456789"
PATH = "/v1/messages/batches"
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

MOST_REQUESTS = 100_000
MOST_BYTES = 256_000_000

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


class AnthropicEmulator(Emulator):
    """``finished_before_expiry`` has every batch end late, with that many requests done.

    ``folder`` is where the account of :meth:`environment` keeps its files: a
    temporary one, which goes with the emulator.
    """

    name: ClassVar[str] = "anthropic"
    known_quirks: ClassVar[tuple[Quirk, ...]] = (
        Quirk("unknown-state", "a batch in progress has a state that nobody knows"),
        Quirk("unknown-fields", "batches have fields that nobody knows"),
        Quirk("unknown-results", "one result is of a type that nobody knows"),
        Quirk("missing-results", "so many requests have no result"),
        Quirk("doubled-results", "so many requests have two results"),
        Quirk("torn-line", "the results begin with a line that was not finished"),
        Quirk("late-cancel-refused", "the cancel of a batch that has ended is refused"),
    )
    trial: ClassVar[Trial] = Trial(
        model="claude-haiku-4-5",
        bad={"max_tokens": 1_000_000},
        create=f"POST {PATH}",
        expiry={"finished_before_expiry": 1},
    )

    def __init__(
        self,
        *,
        finished_before_expiry: int | None = None,
        **options: Unpack[EmulatorOptions],
    ) -> None:
        super().__init__(**options)
        self.batches: dict[str, Entry] = {}
        self._names = count(1)
        self._finished = finished_before_expiry
        self._folder = tempfile.TemporaryDirectory(prefix="batchyard-anthropic-")

    def close(self) -> None:
        super().close()
        self._folder.cleanup()

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `anthropic` account, and the official SDK, at `url`."""
        return {
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": url,
            "BATCHYARD_ANTHROPIC_FOLDER": self._folder.name,
        }

    def error_document(self, status: int, message: str) -> object:
        return document(status, message)

    def service(self) -> ASGIApp:
        one = PATH + "/{id}"
        return Starlette(
            routes=[
                Route(PATH, self._answering(self._create), methods=["POST"]),
                Route(PATH, self._answering(self._list)),
                Route(one, self._answering(self._retrieve)),
                Route(one, self._answering(self._delete), methods=["DELETE"]),
                Route(one + "/cancel", self._answering(self._cancel), methods=["POST"]),
                Route(one + "/results", self._answering(self._results)),
                Route("/{path:path}", self._answering(self._unknown)),
            ]
        )

    def _answering(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            request_id = f"req_{next(self._names):024d}"
            try:
                _check_headers(request.headers)
                reply = await handler(request)
            except RefusedError as refused:
                body = document(refused.status, refused.message, request_id)
                reply = JSONResponse(body, refused.status)
            reply.headers["request-id"] = request_id
            return reply

        return answer

    async def _unknown(self, request: Request) -> Response:
        raise RefusedError("Not Found", 404)

    async def _create(self, request: Request) -> Response:
        body = await request.body()
        if len(body) > MOST_BYTES:
            raise RefusedError("Request exceeds the maximum size", 413)
        requests = _requests_in(body)
        name = f"msgbatch_{next(self._names):024d}"
        pace = Pace(self.time_scale, self._finished)
        entry = Entry(name, requests, self.clock.now(), pace, self.seed)
        self.batches[name] = entry
        return self._shown(request, entry)

    async def _retrieve(self, request: Request) -> Response:
        entry = self._entry(request)
        reply = self._shown(request, entry)
        if not entry.states.is_over(self.clock.now()):
            reply.headers["retry-after"] = "10"
        return reply

    async def _cancel(self, request: Request) -> Response:
        entry, now = self._entry(request), self.clock.now()
        if entry.states.is_over(now) and "late-cancel-refused" in self.quirks:
            raise RefusedError("Batch has already ended and cannot be canceled")
        entry.cancel(now)
        return self._shown(request, entry)

    async def _delete(self, request: Request) -> Response:
        entry = self._entry(request)
        if not entry.states.is_over(self.clock.now()):
            raise RefusedError("Batch cannot be deleted while it is in progress")
        del self.batches[entry.id]
        return JSONResponse({"id": entry.id, "type": "message_batch_deleted"})

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        if not set(asked) <= {"limit", "after_id", "before_id"}:
            raise RefusedError(f"unexpected parameters: {sorted(asked)}")
        limit = asked.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            raise RefusedError("limit: 1 to 1000")
        found = list(reversed(self.batches.values()))
        names = [one.id for one in found]
        for cursor in ("after_id", "before_id"):
            if cursor in asked and asked[cursor] not in names:
                raise RefusedError(f"{cursor}: there is no batch {asked[cursor]}")
        if "before_id" in asked:
            before = found[: names.index(asked["before_id"])]
            page, more = before[-int(limit) :], len(before) > int(limit)
        else:
            begin = names.index(asked["after_id"]) + 1 if "after_id" in asked else 0
            page, more = found[begin : begin + int(limit)], len(found) > begin + int(limit)
        shown = [self._document(request, one) for one in page]
        return JSONResponse(
            {
                "data": shown,
                "has_more": more,
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
            }
        )

    async def _results(self, request: Request) -> Response:
        entry = self._entry(request)
        if self._document(request, entry)["results_url"] is None:
            raise RefusedError(f"{entry.id} has no results", 404)
        name = f"attachment; filename*=utf-8''{entry.id}_results.jsonl"
        return Response(
            entry.results(self.quirks),
            media_type="application/x-jsonl",
            headers={"content-disposition": name},
        )

    def _entry(self, request: Request) -> Entry:
        entry = self.batches.get(request.path_params["id"])
        if entry is None:
            raise RefusedError(f"Message Batch {request.path_params['id']} not found", 404)
        return entry

    def _shown(self, request: Request, entry: Entry) -> JSONResponse:
        return JSONResponse(self._document(request, entry))

    def _document(self, request: Request, entry: Entry) -> dict[str, Any]:
        root = f"{request.base_url}".rstrip("/")
        return entry.shown(self.clock.now(), f"{root}{PATH}/{entry.id}", self.quirks)


def _check_headers(headers: Mapping[str, str]) -> None:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    if KEY not in {headers.get("x-api-key"), bearer}:
        raise RefusedError("invalid x-api-key", 401)
    if not headers.get("anthropic-version"):
        raise RefusedError("anthropic-version: header is required")


def _requests_in(body: bytes) -> list[dict[str, Any]]:
    """The requests: ids are looked at at once, parameters when their turn comes."""
    try:
        given = json.loads(body)
    except ValueError:
        raise RefusedError("The request body is not valid JSON") from None
    if not isinstance(given, dict) or set(given) != {"requests"}:
        raise RefusedError("requests: Field required, and no other is permitted")
    requests = given["requests"]
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_REQUESTS:
        raise RefusedError("requests: 1 to 100000 of them")
    seen = set()
    for number, one in enumerate(requests):
        if not isinstance(one, dict) or set(one) != {"custom_id", "params"}:
            raise RefusedError(f"requests.{number}: custom_id and params are required")
        name = one["custom_id"]
        if not isinstance(name, str) or not CUSTOM_ID.fullmatch(name):
            message = f"requests.{number}.custom_id: String should match '^[a-zA-Z0-9_-]{{1,64}}$'"
            raise RefusedError(message)
        if not isinstance(one["params"], dict):
            raise RefusedError(f"requests.{number}.params: Input should be an object")
        if name in seen:
            raise RefusedError(f"requests.{number}.custom_id: {name!r} is not unique")
        seen.add(name)
    return requests
