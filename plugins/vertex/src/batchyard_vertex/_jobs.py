"""Batch prediction jobs (Vertex AI API, BatchPredictionJob), and batches made of them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from batchyard.models import Batch, BatchError, BatchErrors, RequestCounts
from batchyard_vertex._cures import cure_of
from batchyard_vertex._labels import PREFIX, metadata_of
from batchyard_vertex._names import JobId, Places, job_id
from batchyard_vertex._tolerance import Optional, Resource
from batchyard_vertex.translation import ENDPOINTS

__all__ = ["Job", "JobList", "batch_of", "input_of", "unix"]

log = logging.getLogger(__name__)

_STATUSES = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "RUNNING": "in_progress",
    "PAUSED": "in_progress",
    "UPDATING": "in_progress",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}

_CODES = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    13: "INTERNAL",
    14: "UNAVAILABLE",
}
"""Names of google.rpc.Code."""

_EXHAUSTED = 8

QUEUE = 72 * 3600
"""Seconds that a job may be queued before it expires (Vertex AI, batch inference)."""

RUN = 24 * 3600
"""Seconds that a job may run; rows that are not done by then are not done, and cost nothing."""

ROUNDING = 60
"""Seconds by which a day of running may seem shorter: the times shown are rounded."""


class _Source(Resource):
    # seen as a plain text too
    uris: Optional[list[str] | str] = None


class _Input(Resource):
    gcs_source: Optional[_Source] = None


class _Output(Resource):
    gcs_output_directory: Optional[str] = None


class _Error(Resource):
    code: Optional[int] = None
    message: Optional[str] = None


class _Stats(Resource):
    """Text on the wire; a count that is absent is 0, and -1 is not known."""

    successful_count: Optional[int] = None
    failed_count: Optional[int] = None
    incomplete_count: Optional[int] = None


class Job(Resource):
    """A job.  Its name has the number of the project, and not its id."""

    name: str = Field(pattern=r"/locations/[a-z0-9-]+/batchPredictionJobs/\d{1,20}$")
    display_name: Optional[str] = None
    model: Optional[str] = None
    state: Optional[str] = None
    create_time: Optional[str] = None
    start_time: Optional[str] = None
    end_time: Optional[str] = None
    labels: Optional[dict[str, str]] = None
    input_config: Optional[_Input] = None
    output_info: Optional[_Output] = None
    error: Optional[_Error] = None
    completion_stats: Optional[_Stats] = None

    @property
    def id(self) -> JobId:
        return job_id(self.name, "")

    @property
    def status(self) -> str:
        """OpenAI's word; a state that nobody knows is one of a job that still runs."""
        state = (self.state or "").removeprefix("JOB_STATE_")
        if state not in _STATUSES:
            log.warning("a job is in the unknown state %r; it is taken to run", self.state)
        return _STATUSES.get(state, "in_progress")

    @property
    def of_rows(self) -> str:
        """The status that says what became of lines without a row.

        A job that ran for all of its day has succeeded, and the rest has expired.
        """
        began, ended = unix(self.start_time), unix(self.end_time)
        if self.status != "completed" or began is None or ended is None:
            return self.status
        return "expired" if ended - began >= RUN - ROUNDING else "completed"

    @property
    def rows(self) -> int | None:
        """How many rows the output has, as the job counts them; ``None`` if it does not say."""
        stats = self.completion_stats
        if stats is None or not stats.model_fields_set:
            return None
        counts = (stats.successful_count or 0, stats.failed_count or 0)
        return None if min(counts) < 0 else sum(counts)

    def label(self, name: str) -> str | None:
        return (self.labels or {}).get(f"{PREFIX}-{name}")

    @property
    def directory(self) -> str | None:
        return self.output_info.gcs_output_directory if self.output_info else None


class JobList(Resource):
    """A page of jobs; ``{}`` when there are none."""

    batch_prediction_jobs: list[Job] = Field(default_factory=list)
    next_page_token: Optional[str] = None


def input_of(job: Job, places: Places) -> str | None:
    """The input file of a job, if it is one of the account's."""
    source = job.input_config.gcs_source if job.input_config else None
    uris = source.uris if source else None
    first = uris if isinstance(uris, str) else uris[0] if uris else ""
    return places.file_of_input(first)


def batch_of(job: Job, places: Places) -> Batch:
    """The job as OpenAI would show it."""
    status = job.status
    output = places.own(job.directory) if job.directory else None
    ended = status in {"completed", "failed", "cancelled", "expired"}
    # rows that were not carried out are in the error file, written or not
    of_rows = job.of_rows
    written_off = of_rows in {"cancelled", "expired"}
    file_id = input_of(job, places)
    return Batch(
        id=job.id.id,
        endpoint=_endpoint(job),
        model=(job.model or "").rpartition("/")[2] or None,
        errors=_errors(job),
        input_file_id=file_id,
        completion_window="24h",
        status=status,
        output_file_id=job.id.file("output") if ended and output else None,
        error_file_id=job.id.file("error") if ended and (output or written_off) else None,
        request_counts=_counts(job),
        refused_for_now=_is_refused(job),
        metadata=metadata_of(job.labels or {}),
        provider_state={
            "job": job.name,
            "input": file_id,
            "output": output,
            "status": of_rows,
            "rows": job.rows,
        },
        **_times(job, status),
    )


def _endpoint(job: Job) -> str | None:
    label = job.label("endpoint")
    return next((url for url, name in ENDPOINTS.items() if name == label), None)


def _errors(job: Job) -> BatchErrors | None:
    if job.status != "failed":
        return None
    if job.error is None:
        # a failed batch always says something
        return BatchErrors(
            data=[BatchError(message="The job failed, and the service says no more.")]
        )
    code, message = job.error.code, job.error.message or "The job failed without a reason."
    name = _CODES.get(code, str(code)) if code is not None else None
    cure = cure_of(code, message)
    # what the service says stays as it said it
    whole = f"{message.rstrip()} {cure}" if cure else message
    return BatchErrors(data=[BatchError(code=name, message=whole)])


def _is_refused(job: Job) -> bool:
    """Whether the job failed for want of quota, before any of its rows was done."""
    exhausted = job.error is not None and job.error.code == _EXHAUSTED
    done = job.completion_stats is not None and (job.completion_stats.successful_count or 0) > 0
    return job.status == "failed" and exhausted and not done and job.directory is None


def _counts(job: Job) -> RequestCounts:
    """What the service counted, and the lines that it never got to see."""
    stats = job.completion_stats or _Stats()
    left_out = _number(job.label("left-out"))
    completed = max(0, stats.successful_count or 0)
    failed = max(0, stats.failed_count or 0)
    rest = max(0, stats.incomplete_count or 0)
    lines, rows = _number(job.label("lines")), _number(job.label("rows"))
    if rows:
        completed, failed = _of_lines(lines - left_out, rows, completed, failed)
    total = lines or completed + failed + rest + left_out
    return RequestCounts(total=total, completed=completed, failed=failed + left_out)


def _of_lines(lines: int, rows: int, completed: int, failed: int) -> tuple[int, int]:
    """What is certain of *lines* that are more *rows*, of which so many are done.

    A row that is not complete spoils one line, and nobody says which: rows of
    the same line may fail together.  Never more than there are.
    """
    whole = max(0, lines - max(0, rows - completed))
    spoilt = min(failed, 1)
    if completed + failed >= rows:
        # a line without any good row is a failed one
        spoilt = max(spoilt, lines - completed)
    return whole, min(spoilt, lines - whole)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 12 else 0


def _times(job: Job, status: str) -> dict[str, Any]:
    created, began = unix(job.create_time), unix(job.start_time)
    times: dict[str, Any] = {"created_at": created, "in_progress_at": began}
    # one clock for the queue, and one for the run
    if began is not None:
        times["expires_at"] = began + RUN
    elif created is not None:
        times["expires_at"] = created + QUEUE
    if status in {"completed", "failed", "cancelled", "expired"}:
        times[f"{status}_at"] = unix(job.end_time)
    return times


def unix(text: str | None) -> int | None:
    """Seconds of a time in RFC 3339; ``None`` for what is none."""
    try:
        time = datetime.fromisoformat(text or "")
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
