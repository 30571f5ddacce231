"""The job API of Vertex AI."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchyard.emulators import Clock
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._jobs import Job, Jobs

__all__ = ["JobRoutes"]

_MODEL = re.compile(
    r"(?:projects/.+/)?publishers/google/models/(gemini-[\w.-]+)|projects/.+/models/.+"
)
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_TERM = re.compile(r'\s*([a-z_]+(?:\.[a-z0-9_-]+)?)\s*(=|!=|:)\s*("[^"]*"|[\w*-]+)\s*')
_KEPT = ("displayName", "model", "inputConfig", "outputConfig", "labels", "modelParameters")
_MOST = 100


class JobRoutes:
    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    def routes(self) -> list[Route]:
        every = "/v1/projects/{project}/locations/{location}/batchPredictionJobs"
        return [
            Route(every, self._create, methods=["POST"]),
            Route(every, self._list, methods=["GET"]),
            Route(f"{every}/{{job}}", self._get, methods=["GET"]),
            Route(f"{every}/{{job}}", self._act, methods=["POST"]),
        ]

    async def _create(self, request: Request) -> Response:
        order = _order(await request.body())
        job = self._jobs.create(
            request.path_params["project"],
            request.path_params["location"],
            order,
            self._clock.now(),
        )
        return self._shown(job)

    async def _get(self, request: Request) -> Response:
        return self._shown(await self._found(request, request.path_params["job"]))

    async def _act(self, request: Request) -> Response:
        number, colon, verb = request.path_params["job"].partition(":")
        if not colon or verb != "cancel":
            raise ApiError(404, "Method not found.")
        job = await self._found(request, number)
        self._jobs.cancel(job, self._clock.now())
        return JSONResponse({})

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        now = self._clock.now()
        place = request.path_params["project"], request.path_params["location"]
        wanted = _filter(query.get("filter", ""))
        jobs = await asyncio.to_thread(self._jobs.all, *place, now)
        found = [one for one in (job.document(now) for job in jobs) if wanted(one)]
        start, size = int(query.get("pageToken") or 0), min(int(query.get("pageSize", 50)), _MOST)
        document: dict[str, Any] = {}
        if found[start:]:
            document["batchPredictionJobs"] = found[start : start + size]
        if len(found) > start + size:
            document["nextPageToken"] = str(start + size)
        return JSONResponse(document)

    async def _found(self, request: Request, number: str) -> Job:
        place = request.path_params["project"], request.path_params["location"]
        return await asyncio.to_thread(self._jobs.get, *place, number, self._clock.now())

    def _shown(self, job: Job) -> Response:
        return JSONResponse(job.document(self._clock.now()))


def _order(body: bytes) -> dict[str, Any]:
    """What of a create is kept, if it is right."""
    try:
        given = json.loads(body)
        uris = given["inputConfig"]["gcsSource"]["uris"]
        prefix = given["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        formats = (
            given["inputConfig"]["instancesFormat"],
            given["outputConfig"]["predictionsFormat"],
        )
    except (ValueError, KeyError, TypeError):
        raise ApiError(400, "The BatchPredictionJob lacks its input or its output.") from None
    if not given.get("displayName") or len(given["displayName"].encode()) > 128:
        raise ApiError(400, "display_name is required, of at most 128 characters.")
    if formats != ("jsonl", "jsonl") or not isinstance(uris, list) or len(uris) != 1:
        raise ApiError(400, "The input is one JSONL file, and so is the output.")
    if not all(str(uri).startswith("gs://") for uri in (*uris, prefix)):
        raise ApiError(400, "Invalid Cloud Storage URI.")
    model = str(given.get("model", ""))
    if not _MODEL.fullmatch(model):
        raise ApiError(404, f"The PublisherModel `{model.rpartition('/')[2]}` does not exist.")
    _check_labels(given.get("labels") or {})
    return {name: given[name] for name in _KEPT if name in given}


def _check_labels(labels: Mapping[str, Any]) -> None:
    good = len(labels) <= 64 and all(
        _KEY.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value)
        for key, value in labels.items()
    )
    if not good:
        raise ApiError(400, "List of labels has invalid keys or values.")


def _filter(text: str) -> Any:
    """A function of a job's document; alternatives of terms that hold together."""
    if not text.strip():
        return lambda _: True
    alternatives = [
        [_term(term) for term in alternative.split(" AND ")] for alternative in text.split(" OR ")
    ]
    return lambda job: any(all(holds(job) for holds in terms) for terms in alternatives)


def _term(text: str) -> Any:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ApiError(400, f"Invalid filter: {text}")
    name, sign, value = found[1], found[2], found[3].strip('"')
    return lambda job: _holds(_value(job, name), sign, value)


def _value(job: Mapping[str, Any], name: str) -> str | None:
    if name.startswith("labels."):
        label: str | None = job.get("labels", {}).get(name.removeprefix("labels."))
        return label
    known = {"display_name": "displayName", "state": "state"}
    if name not in known:
        raise ApiError(400, f"Invalid filter: no field {name}")
    return str(job.get(known[name], ""))


def _holds(have: str | None, sign: str, value: str) -> bool:
    if sign == ":":
        return have is not None and (value == "*" or value.strip("*") in have)
    return (have == value) is (sign == "=")
