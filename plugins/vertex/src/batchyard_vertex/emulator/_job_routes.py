"""The job API of Vertex AI."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchyard.emulators import Clock, Quirks
from batchyard_vertex.emulator._access import Access
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._filters import job_filter
from batchyard_vertex.emulator._job import Job
from batchyard_vertex.emulator._jobs import Jobs
from batchyard_vertex.emulator._models import kind_of
from batchyard_vertex.emulator._orders import job_order

__all__ = ["JobRoutes"]

_MOST = 100
_RIGHT = "aiplatform.batchPredictionJobs"


class JobRoutes:
    def __init__(self, jobs: Jobs, access: Access, clock: Clock, quirks: Quirks) -> None:
        self._jobs = jobs
        self._access = access
        self._clock = clock
        self._quirks = quirks

    def routes(self) -> list[Route]:
        # Google's own client asks by the preview's version
        return [route for version in ("v1", "v1beta1") for route in self._routes(version)]

    def _routes(self, version: str) -> list[Route]:
        every = f"/{version}/projects/{{project}}/locations/{{location}}/batchPredictionJobs"
        model = f"/{version}/publishers/{{publisher}}/models/{{model}}"
        return [
            Route(every, self._create, methods=["POST"]),
            Route(every, self._list, methods=["GET"]),
            Route(f"{every}/{{job}}", self._get, methods=["GET"]),
            Route(f"{every}/{{job}}", self._act, methods=["POST"]),
            Route(f"{every}/{{job}}", self._delete, methods=["DELETE"]),
            Route(model, self._model, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        self._check(request, "create")
        location = request.path_params["location"]
        order = job_order(await request.body(), location)
        project = request.path_params["project"]
        return self._shown(self._jobs.create(project, location, order, self._clock.now()))

    async def _get(self, request: Request) -> Response:
        self._check(request, "get")
        return self._shown(await self._found(request, request.path_params["job"]))

    async def _act(self, request: Request) -> Response:
        number, colon, verb = request.path_params["job"].partition(":")
        if not colon or verb != "cancel":
            raise ApiError(404, "Method not found.")
        self._check(request, "cancel")
        job = await self._found(request, number)
        self._jobs.cancel(job, self._clock.now())
        return JSONResponse({})

    async def _delete(self, request: Request) -> Response:
        self._check(request, "delete")
        job = await self._found(request, request.path_params["job"])
        return JSONResponse(self._jobs.delete(job, self._clock.now()))

    async def _list(self, request: Request) -> Response:
        self._check(request, "list")
        query = request.query_params
        wanted = job_filter(query.get("filter", ""))
        place = request.path_params["project"], request.path_params["location"]
        start, size = _page(query.get("pageToken"), query.get("pageSize"))

        def read() -> list[dict[str, Any]]:
            found = filter(wanted, self._jobs.shown(*place, self._clock.now()))
            return list(islice(found, start, start + size + 1))

        found = await asyncio.to_thread(read)
        document: dict[str, Any] = {}
        if found:
            document["batchPredictionJobs"] = found[:size]
        if len(found) > size:
            document["nextPageToken"] = str(start + size)
        return JSONResponse(document)

    async def _model(self, request: Request) -> Response:
        publisher, model = request.path_params["publisher"], request.path_params["model"]
        name = f"publishers/{publisher}/models/{model}"
        if kind_of(name) is None:
            raise ApiError(404, f"Publisher Model `{name}` not found.")
        return JSONResponse({"name": name, "versionId": "default", "launchStage": "GA"})

    def _check(self, request: Request, verb: str) -> None:
        project, location = request.path_params["project"], request.path_params["location"]
        self._access.check_job(f"{_RIGHT}.{verb}", f"projects/{project}/locations/{location}")

    async def _found(self, request: Request, number: str) -> Job:
        place = request.path_params["project"], request.path_params["location"]
        return await asyncio.to_thread(self._jobs.get, *place, number, self._clock.now())

    def _shown(self, job: Job) -> Response:
        return JSONResponse(job.document(self._clock.now(), self._quirks))


def _page(token: str | None, size: str | None) -> tuple[int, int]:
    try:
        return int(token or 0), min(int(size or 50) or 50, _MOST)
    except ValueError:
        raise ApiError(400, "Request contains an invalid argument.") from None
