"""Batches: jobs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from batchyard.effects import Plan, Request, Stream
from batchyard.errors import APIStatusError, InputError, NotFoundError, UnsupportedError
from batchyard.models import (
    TERMINAL_STATUSES,
    Batch,
    BatchRequest,
    FileObject,
    Page,
    PageRequest,
    Ref,
)
from batchyard.steps import call, create_once, retrying
from batchyard_vertex._cures import advised
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._files import SKEW, retrieve_input
from batchyard_vertex._folder import listed
from batchyard_vertex._jobs import Job, JobList, batch_of, input_of
from batchyard_vertex._labels import PREFIX, labels_of
from batchyard_vertex._names import JobId, Places, ResultId, job_id, parse_file_id, token_of
from batchyard_vertex._wire import Query, Wire, url_of
from batchyard_vertex.storage import Bucket
from batchyard_vertex.translation import ENDPOINTS, Ended, publisher_of

__all__ = [
    "cancel_batch",
    "create_batch",
    "ended_job",
    "find_batch",
    "job_url",
    "jobs_of",
    "list_batches",
    "model_name",
    "probe",
    "retrieve_batch",
    "retrieve_job",
    "retrieve_result",
]

AMBIGUITY = 60.0
"""Seconds for which a create whose reply was lost is looked for, at least."""

MOST = 100
"""Jobs on one page of a list."""

OWN = f"labels.{PREFIX}-file:*"


def job_url(
    wire: Wire, job: JobId | None = None, verb: str = "", query: Query | None = None
) -> str:
    settings = wire.settings
    location = job.location if job else settings.location
    parts = ["v1", "projects", settings.project, "locations", location, "batchPredictionJobs"]
    if job:
        parts.append(job.number + verb)
    return url_of(settings.host(location), *parts, query=query)


async def create_batch(wire: Wire, places: Places, batch: BatchRequest) -> Batch:
    """Create a job, once.  Its name is its own, so one whose reply was lost can be found."""
    if batch.endpoint not in ENDPOINTS:
        taken = " and ".join(ENDPOINTS)
        raise InputError(f"Vertex takes {taken} in batches", code="invalid_url", param="endpoint")
    if batch.output_expires_after is not None:
        raise UnsupportedError(
            "objects in a bucket do not expire one by one: give the bucket a lifecycle rule",
            param="output_expires_after",
        )
    file_id = parse_file_id(batch.input_file.id)
    if isinstance(file_id, ResultId):
        raise InputError("results are no input", param="input_file_id")
    about = batch.input_file.provider_state
    if not about or "lines" not in about:
        about = (await retrieve_input(wire, places, file_id)).provider_state or {}
    token = token_of(wire.call.marker)
    body = _body(wire, places, _Order(batch, file_id, about, token))

    def send() -> Plan[Job]:
        return wire.post(Job, job_url(wire), body)

    async def find(since: float) -> Job | None:
        return await _find(wire, places, f'display_name="{_name(token)}"', since)

    window = max(AMBIGUITY, wire.call.timeout or wire.settings.create_timeout)
    try:
        job = await create_once(send, find, wire.backoff, window)
    except APIStatusError as error:
        raise advised(error) from None
    return batch_of(job, places)


class _Order:
    """A batch to create, with what is known of its file."""

    def __init__(
        self, batch: BatchRequest, file_id: str, about: Mapping[str, Any], token: str
    ) -> None:
        self.file_id = file_id
        self.about = about
        self.token = token
        self.endpoint = batch.endpoint
        self.metadata = batch.metadata or {}
        models = batch.models or ((about["model"],) if about.get("model") else ())
        if len(models) != 1:
            named = ", ".join(models) or "none"
            raise InputError(
                f"a batch of Vertex takes one model, and the lines name {named}",
                code="mismatched_model",
                param="body.model",
            )
        self.model = models[0]

    @property
    def labels(self) -> dict[str, str]:
        labels = {
            "file": self.file_id,
            "endpoint": ENDPOINTS[self.endpoint],
            "lines": str(self.about.get("lines", "")),
            "left-out": str(self.about.get("left_out", "")),
            "rows": str(self.about.get("rows", "")),
        }
        named = {f"{PREFIX}-{name}": value for name, value in labels.items() if value}
        return {**named, **labels_of(self.metadata)}


def _body(wire: Wire, places: Places, order: _Order) -> dict[str, Any]:
    return {
        "displayName": _name(order.token),
        "model": model_name(wire.settings.models.get(order.model, order.model)),
        "inputConfig": {
            "instancesFormat": "jsonl",
            "gcsSource": {"uris": [places.uri(places.input(order.file_id))]},
        },
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": places.uri(places.job(order.token))},
        },
        "labels": order.labels,
        **wire.call.extra_body,
    }


def _name(token: str) -> str:
    return f"{PREFIX}-{token}"


def model_name(name: str) -> str:
    """A model's resource name; LiteLLM's and Google's shorter ones are understood."""
    name = name.removeprefix("vertex_ai/")
    if name.startswith(("projects/", "publishers/")):
        return name
    publisher = publisher_of(name)
    return f"publishers/{publisher}/models/{name.removeprefix('models/').rpartition('/')[2]}"


async def retrieve_job(wire: Wire, places: Places, identity: JobId) -> Job:
    """Raises :class:`NotFoundError` also for a job that is not of the account's files."""
    job = await wire.get(Job, job_url(wire, identity))
    if input_of(job, places) is None:
        raise NotFoundError(
            f"{identity.id} has no input in this account's part of the bucket",
            status=404,
            param="batch_id",
        )
    return job


async def ended_job(wire: Wire, places: Places, ref: Ref, result: ResultId) -> Ended:
    known = Ended.from_state(ref.provider_state, places)
    if known is not None:
        return known
    job = await retrieve_job(wire, places, result.job)
    output = places.own(job.directory) if job.directory else None
    return Ended(input_of(job, places) or "", output, job.of_rows, job.rows)


async def retrieve_result(wire: Wire, places: Places, result: ResultId) -> FileObject:
    """The output or error file of a job that has ended."""
    job = await retrieve_job(wire, places, result.job)
    output = places.own(job.directory) if job.directory else None
    if job.status in TERMINAL_STATUSES and output is not None:
        folder = await listed(Bucket(wire), output)
        if folder.is_deleted(result.role):
            raise NotFoundError("the file was deleted", status=404, param="file_id")
    if job.status not in TERMINAL_STATUSES:
        raise NotFoundError(f"{result.job.id} has no files yet", status=404, param="file_id")
    return FileObject.model_validate(
        {
            "id": result.job.file(result.role),
            "created_at": job.end_time,
            "filename": f"{result.job.id}_{result.role}.jsonl",
            "purpose": "batch_output",
            "status": "processed",
        }
    )


async def probe(wire: Wire) -> None:
    """List one job, to see whether that is allowed."""
    await _listed(wire, OWN, None, 1)


async def retrieve_batch(wire: Wire, places: Places, batch: Ref) -> Batch:
    identity = job_id(batch.id, wire.settings.location)
    return batch_of(await retrieve_job(wire, places, identity), places)


async def cancel_batch(wire: Wire, places: Places, batch: Ref) -> Batch:
    """Cancel, or read a batch that has ended.  Cancelling twice does no harm."""
    identity = job_id(batch.id, wire.settings.location)
    url = job_url(wire, identity, ":cancel")
    headers = {"content-type": "application/json"}

    async def send(request: Request) -> None:
        await call(request, google_refusal)

    def attempt() -> Plan[None]:
        return wire.sent(lambda: wire.request("POST", url, b"{}", headers), send)

    refused: APIStatusError | None = None
    try:
        await retrying(attempt, wire.backoff)
    except APIStatusError as error:
        if error.status not in {400, 409}:
            raise
        refused = error
    current = await retrieve_batch(wire, places, batch)
    if current.terminal or current.status == "cancelling":
        return current
    if refused is not None:
        raise refused
    # the service shows a cancel only after a while
    return current.model_copy(update={"status": "cancelling"})


async def list_batches(wire: Wire, places: Places, page: PageRequest) -> Page[Batch]:
    """The account's jobs among those of the project, newest first."""
    limit = min(page.limit or 20, MOST)
    # a page's own cursor, or the id of a batch, which has to be come across first
    sought = page.after if page.after and page.after.startswith("batch_") else None
    token = None if sought else page.after
    found: list[Job] = []
    while True:
        listed = await _listed(wire, OWN, token, limit)
        own = [job for job in listed.batch_prediction_jobs if input_of(job, places)]
        ids = [job.id.id for job in own]
        if sought in ids:
            own, sought = own[ids.index(sought) + 1 :], None
        found += own if sought is None else []
        last, token = token, listed.next_page_token or None
        # a page may be of other accounts' jobs alone, and an empty one would end the walk
        if found or token is None or token == last:
            break
    batches = [batch_of(job, places) for job in found]
    return Page[Batch](
        data=batches,
        first_id=batches[0].id if batches else None,
        last_id=batches[-1].id if batches else None,
        has_more=token is not None and token != last,
        cursor=token,
    )


async def _listed(wire: Wire, terms: str, token: str | None, limit: int) -> JobList:
    query: Query = {"filter": terms, "pageSize": limit, "pageToken": token}
    return await wire.get(JobList, job_url(wire, query=query))


async def find_batch(
    wire: Wire,
    places: Places,
    marker: str,
    input_file: Ref | None,
    since: float | None,
    known: frozenset[str],
) -> Batch | None:
    """The job with the marker in its name or, where a file is given, the one made of it."""
    terms = f'display_name="{_name(token_of(marker))}"'
    if input_file is not None:
        file_id = parse_file_id(input_file.id)
        if isinstance(file_id, str):
            terms = f'{terms} OR labels.{PREFIX}-file="{file_id}"'
    job = await _find(wire, places, terms, since, known)
    return None if job is None else batch_of(job, places)


async def _find(
    wire: Wire, places: Places, terms: str, since: float | None, known: frozenset[str] = frozenset()
) -> Job | None:
    """Of twins, the one that was made first; one that was refused for now is none."""
    found: Job | None = None
    first = float("inf")
    async with aclosing(_walk(wire, terms)) as jobs:
        async for job in jobs:
            batch = batch_of(job, places)
            created = batch.created_at
            if batch.refused_for_now or batch.id in known:
                continue
            if since is not None and created is not None and created < since - SKEW:
                continue
            if input_of(job, places) and (found is None or (created or first) < first):
                found, first = job, created or first
    return found


def jobs_of(wire: Wire, file_id: str) -> Stream[Job]:
    """The jobs that were made of the account's file, where it has its jobs now."""
    return _walk(wire, f'labels.{PREFIX}-file="{file_id}"')


async def _walk(wire: Wire, terms: str) -> Stream[Job]:
    token: str | None = None
    seen: set[str] = set()
    while True:
        listed = await _listed(wire, terms, token, MOST)
        for job in listed.batch_prediction_jobs:
            yield job
        token = listed.next_page_token or None
        if token is None or token in seen:
            return
        seen.add(token)
