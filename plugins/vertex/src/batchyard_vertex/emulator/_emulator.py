"""The emulator, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import ClassVar, Unpack
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from batchyard.emulators import Emulator, EmulatorOptions, Quirk
from batchyard_vertex.emulator._errors import ApiError, envelope
from batchyard_vertex.emulator._job_routes import JobRoutes
from batchyard_vertex.emulator._jobs import Jobs
from batchyard_vertex.emulator._object_routes import ObjectRoutes
from batchyard_vertex.emulator._objects import Objects
from batchyard_vertex.emulator._tokens import TokenRefusedError, Tokens, key_file
from batchyard_vertex.emulator._uploads import Uploads

__all__ = ["VertexEmulator"]

PROJECT = "batchyard-emulator"
BUCKET = "batchyard-emulator"
MODEL = "gemini-2.5-flash"
STAND_INS = ("gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o-mini")
"""Models of the examples, for which Gemini stands in."""


class VertexEmulator(Emulator):
    """Batch prediction jobs, Cloud Storage and the token endpoint, on one address.

    ``buckets`` are those that there are.  ``tokens`` and ``uploads`` can be made
    to forget what they know, as services do.
    """

    name: ClassVar[str] = "vertex"
    known_quirks = (
        Quirk("shards", "The output comes in that many objects, in odd order.", 3),
        Quirk("no-sibling-echo", "The key beside a request does not come back."),
        Quirk("no-model-version", "Answers do not say which model gave them."),
        Quirk("flaky-rows", "Every so many rows fail with 429.", 4),
        Quirk("missing-rows", "That many rows are in no object.", 1),
        Quirk("late-objects", "Output is listed that many seconds after the job's end.", 3),
        Quirk("queue-full", "Jobs expire in the queue, after 72 hours."),
    )

    def __init__(
        self, *, buckets: Iterable[str] = (BUCKET,), **options: Unpack[EmulatorOptions]
    ) -> None:
        super().__init__(**options)
        self.tokens = Tokens()
        self.objects = Objects(self.store, tuple(buckets))
        self.uploads = Uploads(self.objects)
        self.jobs = Jobs(
            self.objects, seed=self.seed, time_scale=self.time_scale, quirks=self.quirks
        )

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `vertex` account at `url`, with a key for it."""
        return {
            "VERTEXAI_PROJECT": PROJECT,
            "VERTEXAI_LOCATION": "us-central1",
            "VERTEXAI_CREDENTIALS": key_file(url, PROJECT),
            "VERTEXAI_API_BASE": url,
            "STORAGE_EMULATOR_HOST": url,
            "GCS_BUCKET_NAME": BUCKET,
            "BATCHYARD_VERTEX_MODELS": json.dumps(dict.fromkeys(STAND_INS, MODEL)),
        }

    def error_document(self, status: int, message: str) -> object:
        return envelope(status, message)

    def service(self) -> ASGIApp:
        app = Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                *JobRoutes(self.jobs, self.clock).routes(),
                *ObjectRoutes(self.objects, self.uploads, self.clock).routes(),
            ],
            exception_handlers={
                ApiError: _refused,
                TokenRefusedError: _token_refused,
                HTTPException: _no_route,
            },
        )
        app.router.redirect_slashes = False
        return _Guarded(app, self)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        return JSONResponse(self.tokens.issue(form, self.clock.now()))


class _Guarded:
    """Lets in who has a token; an upload's session is known by its address."""

    def __init__(self, app: ASGIApp, emulator: VertexEmulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["path"] == "/token" or b"upload_id=" in scope.get("query_string", b"")
        if scope["type"] == "http" and not is_open:
            request = Request(scope, receive)
            authorization = request.headers.get("authorization", "")
            try:
                self._emulator.tokens.check(authorization, self._emulator.clock.now())
            except ApiError as error:
                # a client that is still sending would not read the refusal
                await request.body()
                await JSONResponse(error.document, error.code)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return JSONResponse(error.document, error.code)


async def _token_refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, TokenRefusedError):
        raise error
    return JSONResponse(error.document, 400)


async def _no_route(request: Request, _error: Exception) -> Response:
    return JSONResponse(envelope(404, f"No such method: {request.url.path}"), 404)
