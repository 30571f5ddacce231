"""The Gemini API's files and batches on a loopback port, as strict as the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Unpack

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from batchyard.emulators import Emulator, EmulatorOptions, Quirk, Trial
from batchyard_gemini._emulated import Jobs, Refused, Shelf

__all__ = ["GeminiEmulator"]

KEY = "AIza-emulator-0123456789"

VERSIONS = ("v1beta", "v1")
"""The first is what is documented; the second is what Google's client asks for by now."""

Handler = Callable[[Request], Awaitable[Response]]

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class GeminiEmulator(Emulator):
    """``finished_before_expiry`` has every batch expire, with nothing of it to be read."""

    name: ClassVar[str] = "gemini"
    known_quirks: ClassVar[tuple[Quirk, ...]] = (
        Quirk("uploads-stay", "uploaded files cannot be downloaded, as Google's client says"),
        Quirk("list-needs-page-size", "lists without a pageSize are empty"),
        Quirk("shuffled-rows", "results come in another order than requests"),
        Quirk("missing-rows", "so many requests are in no result"),
        Quirk("duplicated-rows", "so many results are there twice"),
        Quirk("no-usage", "so many answers say nothing of their tokens"),
        Quirk("http-codes", "errors of rows have HTTP statuses and not codes of RPCs"),
        Quirk("late-cancel", "a cancelled batch is shown as running for so many reads", 2),
        Quirk("long-names", "names of result files are too long to be deleted"),
        Quirk("job-states", "states are spelled JOB_STATE_…"),
    )
    trial: ClassVar[Trial | None] = Trial(
        model="gemini-2.5-flash",
        bad={"temperature": 9},
        create="POST /v1beta/models/*",
        expiry={"finished_before_expiry": 1},
        window=48 * 3600.0,
    )

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        finished_before_expiry: int | None = None,
        **options: Unpack[EmulatorOptions],
    ) -> None:
        super().__init__(**options)
        self.keys = tuple(keys)
        self._shelf = Shelf(self.store, self.quirks)
        self._jobs = Jobs(self._shelf, self.quirks, self.time_scale, self.seed)
        self._jobs.expires = finished_before_expiry is not None

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `gemini` account, and Google's client, at `url`."""
        key = self.keys[0] if self.keys else KEY
        return {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": url}

    def error_document(self, status: int, message: str) -> object:
        return _error(status, message)

    def service(self) -> ASGIApp:
        sessions = Route("/upload/sessions/{session}", self._upload, methods=["POST"])
        routes = [route for version in VERSIONS for route in self._routes(version)]
        return Starlette(routes=[sessions, *routes], exception_handlers={HTTPException: _no_route})

    def _routes(self, version: str) -> list[Route]:
        guard = self._guarded
        files, batches = f"/{version}/files", f"/{version}/batches"
        create = f"/{version}/models/{{model}}:batchGenerateContent"
        return [
            Route(f"/upload{files}", guard(self._start), methods=["POST"]),
            Route(files, guard(self._files)),
            # Google's client leaves the first part of the address out
            Route(f"{files}/{{name}}:download", guard(self._content)),
            Route(f"{files}/{{name}}", guard(self._file)),
            Route(f"{files}/{{name}}", guard(self._forget), methods=["DELETE"]),
            Route(f"/download{files}/{{name}}:download", guard(self._content)),
            Route(create, guard(self._create), methods=["POST"]),
            Route(batches, guard(self._batches)),
            Route(f"{batches}/{{name}}:cancel", guard(self._cancel), methods=["POST"]),
            Route(f"{batches}/{{name}}", guard(self._batch)),
            Route(f"{batches}/{{name}}", guard(self._delete), methods=["DELETE"]),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            key = request.headers.get("x-goog-api-key") or request.query_params.get("key")
            known = key in self.keys if self.keys else bool(key and key.startswith("AIza"))
            if not key:
                return _refusal(403, "Method doesn't allow unregistered callers.")
            if not known:
                # a bad key is a bad request at this service
                return _refusal(400, "API key not valid.", "API_KEY_INVALID")
            return await self._answered(handler, request)

        return guarded

    async def _answered(self, handler: Handler, request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as error:
            return _refusal(error.status, error.message)

    async def _start(self, request: Request) -> Response:
        headers = request.headers
        if headers.get("x-goog-upload-command") != "start":
            raise Refused("X-Goog-Upload-Command must be start.")
        if headers.get("x-goog-upload-protocol") != "resumable":
            raise Refused("X-Goog-Upload-Protocol must be resumable.")
        length = headers.get("x-goog-upload-header-content-length", "")
        if not length.isdecimal():
            raise Refused("X-Goog-Upload-Header-Content-Length is missing.")
        about = (await _json(request)).get("file") or {}
        session = self._shelf.begin(about, int(length))
        url = f"{request.base_url}upload/sessions/{session}?upload_protocol=resumable"
        return JSONResponse(
            {}, headers={"x-goog-upload-url": url, "x-goog-upload-status": "active"}
        )

    async def _upload(self, request: Request) -> Response:
        """The address is the credential: a key is not needed, and not wanted."""
        return await self._answered(self._take, request)

    async def _take(self, request: Request) -> Response:
        if "x-goog-api-key" in request.headers and "google-genai" not in str(request.headers):
            raise Refused("The address of an upload is its credential.", 403)
        command = request.headers.get("x-goog-upload-command", "")
        if command not in {"upload", "upload, finalize"}:
            raise Refused("X-Goog-Upload-Command must be upload, or upload, finalize.")
        offset = request.headers.get("x-goog-upload-offset", "")
        session = request.path_params["session"]
        await self._shelf.write(session, offset, request.stream())
        if command == "upload":
            return JSONResponse({}, headers={"x-goog-upload-status": "active"})
        file = self._shelf.finish(session, self.clock.now())
        shown = {"file": self._shelf.show(file)}
        return JSONResponse(shown, headers={"x-goog-upload-status": "final"})

    async def _files(self, request: Request) -> Response:
        found = self._shelf.all(self.clock.now())
        page, token = self._page(request, list(reversed(found)))
        return _listed("files", [self._shelf.show(one) for one in page], token)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse(self._shelf.show(self._shelf.get(name, self.clock.now())))

    async def _forget(self, request: Request) -> Response:
        self._shelf.delete(request.path_params["name"], self.clock.now())
        return JSONResponse({})

    async def _content(self, request: Request) -> Response:
        if request.query_params.get("alt") != "media":
            raise Refused("alt must be media.")
        name = request.path_params["name"]
        await asyncio.to_thread(self._jobs.advance, self.clock.now())
        data = self._shelf.content(name, self.clock.now())
        return Response(data, media_type="application/octet-stream")

    async def _create(self, request: Request) -> Response:
        order = (await _json(request)).get("batch")
        if not isinstance(order, dict):
            raise Refused("batch is missing.")
        now = self.clock.now()
        job = await asyncio.to_thread(self._jobs.create, request.path_params["model"], order, now)
        return JSONResponse(self._jobs.show(job, now))

    async def _batches(self, request: Request) -> Response:
        now = self.clock.now()
        page, token = self._page(request, list(reversed(self._jobs.all())))
        return _listed("operations", [self._jobs.show(one, now) for one in page], token)

    async def _batch(self, request: Request) -> Response:
        now = self.clock.now()
        await asyncio.to_thread(self._jobs.advance, now)
        job = self._jobs.get(request.path_params["name"])
        return JSONResponse(self._jobs.show(job, now, read=True))

    async def _cancel(self, request: Request) -> Response:
        self._jobs.cancel(request.path_params["name"], self.clock.now())
        return JSONResponse({})

    async def _delete(self, request: Request) -> Response:
        self._jobs.delete(request.path_params["name"], self.clock.now())
        return JSONResponse({})

    def _page(self, request: Request, found: list[Any]) -> tuple[list[Any], str | None]:
        text = request.query_params.get("pageSize")
        if text is None and "list-needs-page-size" in self.quirks:
            return [], None
        size = int(text) if text and text.isdecimal() else 50
        if not 1 <= size <= 1000:
            raise Refused("pageSize is between 1 and 1000.")
        token = request.query_params.get("pageToken", "p0")
        if not (token.startswith("p") and token[1:].isdecimal()):
            raise Refused("pageToken is none of ours.")
        begin = int(token[1:])
        end = begin + size
        return found[begin:end], f"p{end}" if end < len(found) else None


def _listed(name: str, found: list[Any], token: str | None) -> Response:
    """An empty list is left out, as all that is empty is."""
    more = {"nextPageToken": token} if token else {}
    return JSONResponse({**({name: found} if found else {}), **more})


def _error(status: int, message: str, reason: str | None = None) -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    details = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}] if reason else []
    word = STATUSES.get(status, "INTERNAL")
    return {"error": {"code": status, "message": message, "status": word, "details": details}}


def _refusal(status: int, message: str, reason: str | None = None) -> Response:
    return JSONResponse(_error(status, message, reason), status)


def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _refusal(status, "There is no such method.")


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except (ValueError, RecursionError):
        raise Refused("Invalid JSON payload received.") from None
    if not isinstance(found, dict):
        raise Refused("Invalid JSON payload received.")
    return found
