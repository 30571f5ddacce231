"""The emulator, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, Unpack

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from batchyard.emulators import Emulator, EmulatorOptions, Quirk, Trial
from batchyard_vertex.emulator._access import Access
from batchyard_vertex.emulator._bucket_routes import BucketRoutes
from batchyard_vertex.emulator._errors import ApiError, envelope
from batchyard_vertex.emulator._job_routes import JobRoutes
from batchyard_vertex.emulator._jobs import Jobs
from batchyard_vertex.emulator._key_files import credential_files, key_file
from batchyard_vertex.emulator._object_routes import ObjectRoutes
from batchyard_vertex.emulator._objects import Objects
from batchyard_vertex.emulator._projects import ProjectRoutes
from batchyard_vertex.emulator._quirks import QUIRKS, expanded
from batchyard_vertex.emulator._token_routes import OPEN_PATHS, TokenRoutes
from batchyard_vertex.emulator._tokens import TokenRefusedError, Tokens
from batchyard_vertex.emulator._uploads import Uploads

__all__ = ["VertexEmulator"]

PROJECT = "batchyard-emulator"
BUCKET = "batchyard-emulator"
REGION = "us-central1"
MODEL = "gemini-2.5-flash"
STAND_INS = ("gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o-mini")
"""Models of the examples, for which Gemini stands in."""


class VertexEmulator(Emulator):
    """Batch prediction jobs, Cloud Storage and Google's token endpoints, on one address.

    ``buckets`` are those that there are, with their locations where they have
    others than the jobs.  ``tokens`` and ``uploads`` can be made to forget what
    they know, as services do, and ``access`` to deny.
    """

    name: ClassVar[str] = "vertex"
    known_quirks: ClassVar[tuple[Quirk, ...]] = QUIRKS
    trial: ClassVar[Trial] = Trial(
        model=MODEL,
        bad={"temperature": 9},
        create="POST /v1/projects/*/locations/*/batchPredictionJobs",
        expiry={"quirks": ["queue-full"]},
        window=72 * 3600.0,
    )

    def __init__(
        self,
        *,
        buckets: Iterable[str] | Mapping[str, str] = (BUCKET,),
        **options: Unpack[EmulatorOptions],
    ) -> None:
        options["quirks"] = tuple(expanded(options.get("quirks", ())))
        super().__init__(**options)
        places = buckets if isinstance(buckets, Mapping) else dict.fromkeys(buckets, REGION)
        self.access = Access(self.quirks)
        self.tokens = Tokens()
        self.objects = Objects(self.store, places)
        self.uploads = Uploads(self.objects)
        self.jobs = Jobs(
            self.objects,
            self.access,
            seed=self.seed,
            time_scale=self.time_scale,
            quirks=self.quirks,
        )

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `vertex` account at `url`, with a key for it."""
        return {
            "VERTEXAI_PROJECT": PROJECT,
            "VERTEXAI_LOCATION": REGION,
            "VERTEXAI_CREDENTIALS": key_file(url, PROJECT),
            "VERTEXAI_API_BASE": url,
            "STORAGE_EMULATOR_HOST": url,
            "GCS_BUCKET_NAME": BUCKET,
            "BATCHYARD_VERTEX_MODELS": json.dumps(dict.fromkeys(STAND_INS, MODEL)),
        }

    def credentials(self, url: str) -> dict[str, str]:
        """Files of credentials by their ``type``, all of them good here.

        Of a machine's own, `GCE_METADATA_HOST` is the address without its scheme.
        """
        return credential_files(url, PROJECT)

    def error_document(self, status: int, message: str) -> object:
        return envelope(status, message)

    def service(self) -> ASGIApp:
        app = Starlette(
            routes=[
                *TokenRoutes(self.tokens, self.clock, self.quirks, PROJECT).routes(),
                *JobRoutes(self.jobs, self.access, self.clock, self.quirks).routes(),
                *ProjectRoutes(self.access, (PROJECT,)).routes(),
                *BucketRoutes(self.objects, self.access).routes(),
                *ObjectRoutes(self.objects, self.uploads, self.access, self.clock).routes(),
            ],
            exception_handlers={
                ApiError: _refused,
                TokenRefusedError: _token_refused,
                HTTPException: _no_route,
            },
        )
        app.router.redirect_slashes = False
        return _Guarded(app, self)


class _Guarded:
    """Lets in who has a token; an upload's session is known by its address."""

    def __init__(self, app: ASGIApp, emulator: VertexEmulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["path"].startswith(OPEN_PATHS) or b"upload_id=" in scope.get(
            "query_string", b""
        )
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
