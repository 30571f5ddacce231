"""Jobs: what is due, and what they leave in the bucket."""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from batchyard.emulators import Quirks, Timeline
from batchyard_vertex.emulator._access import PROJECT_NUMBER, Access, JobDeniedError
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._importer import ImportFailedError, imported
from batchyard_vertex.emulator._job import STATES, Job, foreign_job
from batchyard_vertex.emulator._models import Kind, kind_of
from batchyard_vertex.emulator._objects import Objects, rfc3339
from batchyard_vertex.emulator._outputs import Work, written

__all__ = ["Jobs"]

_PENDING = 25.0
_SHORTEST, _LONGEST = 15.0, 120.0
_ROWS = 2000
_CANCELLING = 20.0
_QUEUE = 72 * 3600.0
_DAY = 24 * 3600.0
_URI = re.compile(r"gs://([^/]+)/(.+)")
_QUOTA = (
    "Quota exceeded for aiplatform.googleapis.com/textembedding_gecko_batch_requests. Please try "
    "again later."
)
_EXPORT = "The job failed with an internal error while it exported its results."


class Jobs:
    """All jobs.  `advance` does what is due for one; it blocks."""

    def __init__(
        self, objects: Objects, access: Access, *, seed: int, time_scale: float, quirks: Quirks
    ) -> None:
        self._objects = objects
        self._access = access
        self._seed = seed
        self._scale = time_scale
        self._quirks = quirks
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def create(self, project: str, location: str, order: dict[str, Any], now: float) -> Job:
        with self._lock:
            sequence = len(self._jobs)
            rng = self._rng(sequence, "number")
            number = str(rng.randrange(10**18, 9 * 10**18))
            job = Job(number, sequence, project, location, order, now, Timeline(STATES, now))
            if "queue-full" in self._quirks:
                job.timeline.schedule("EXPIRED", now + _QUEUE)
            else:
                delay = _PENDING * rng.uniform(0.8, 1.2) * self._scale
                job.timeline.schedule("RUNNING", now + delay)
            self._jobs[number] = job
        return job

    def get(self, project: str, location: str, number: str, now: float) -> Job:
        job = self._jobs.get(number)
        if job is None or job.location != location or project not in {job.project, PROJECT_NUMBER}:
            name = f"projects/{project}/locations/{location}/batchPredictionJobs/{number}"
            raise ApiError(404, f"The BatchPredictionJob does not exist: {name}.")
        self.advance(job, now)
        return job

    def shown(self, project: str, location: str, now: float) -> Iterator[dict[str, Any]]:
        """What is shown of them, newest first.  Each is made when it is asked for."""
        there = (
            one
            for one in reversed(list(self._jobs.values()))
            if one.location == location and project in {one.project, PROJECT_NUMBER}
        )
        ours = (self._shown(one, now) for one in there)
        if "foreign-jobs" not in self._quirks:
            return ours
        others = [foreign_job(location, place, now) for place in range(3)]
        return chain(others[:1], islice(ours, 1), others[1:], ours)

    def _shown(self, job: Job, now: float) -> dict[str, Any]:
        self.advance(job, now)
        return job.document(now, self._quirks)

    def cancel(self, job: Job, now: float) -> None:
        with self._lock:
            state = job.timeline.state(now)
            if state == "CANCELLING":
                return
            if STATES.is_terminal(state):
                message = f"The job is in state JOB_STATE_{state} and cannot be cancelled."
                raise ApiError(400, message, status="FAILED_PRECONDITION")
            job.cancelled_at = now
            ends = job.timeline.ends_at()
            job.timeline.interrupt("CANCELLING", now)
            later = now + _CANCELLING * self._scale
            if "cancel-too-late" in self._quirks and ends is not None:
                job.timeline.schedule("SUCCEEDED", max(later, ends))
            elif "cancel-fails" in self._quirks:
                job.stopped_at = now
                job.error = {"code": 13, "message": _EXPORT}
                job.timeline.schedule("FAILED", later)
            else:
                job.stopped_at = now
                job.error = {"code": 1, "message": "CANCELED"}
                job.timeline.schedule("CANCELLED", later)

    def delete(self, job: Job, now: float) -> dict[str, Any]:
        """Forget a job that has ended; the operation is done at once."""
        state = job.timeline.state(now)
        if not STATES.is_terminal(state):
            message = f"The job is in state JOB_STATE_{state} and cannot be deleted."
            raise ApiError(400, message, status="FAILED_PRECONDITION")
        with self._lock:
            del self._jobs[job.number]
        place = f"projects/{PROJECT_NUMBER}/locations/{job.location}"
        meta = {"createTime": rfc3339(now), "updateTime": rfc3339(now)}
        kind = "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata"
        return {
            "name": f"{place}/operations/{job.sequence + 1}",
            "metadata": {"@type": kind, "genericMetadata": meta},
            "done": True,
            "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
        }

    def advance(self, job: Job, now: float) -> None:
        with self._lock:
            began = job.timeline.entered("RUNNING", now)
            if began is not None and job.rows is None and job.error is None:
                self._start(job, began)
            ends = job.timeline.ends_at()
            if job.rows is not None and ends is not None and ends <= now and not job.is_closed:
                job.is_closed = True
                self._close(job, began or ends, ends)

    def _start(self, job: Job, at: float) -> None:
        uri = job.order["inputConfig"]["gcsSource"]["uris"][0]
        found = _URI.fullmatch(uri)
        bucket, name = (found[1], found[2]) if found else ("", "")
        kind = kind_of(job.order["model"]) or Kind.GEMINI
        try:
            if bucket not in self._objects:
                message = f"Failed to get GCS bucket location for {bucket}. Not Found"
                self._fail(job, 9, message, at)
                return
            self._access.check_agent_reads(uri)
            if job.sequence < self._quirks.value("quota-full"):
                self._fail(job, 8, _QUOTA, at)
                return
            strict = "lenient-importer" not in self._quirks
            job.rows = imported(self._objects.get(bucket, name).blob, kind, strict=strict)
        except ImportFailedError as error:
            self._fail(job, 3, str(error), at)
        except ApiError as error:
            self._fail(job, 5, error.message, at)
        except JobDeniedError as error:
            self._fail(job, 7, str(error), at)
        else:
            self._run(job, kind, at)

    def _run(self, job: Job, kind: Kind, at: float) -> None:
        rows = job.rows or []
        job.kind = kind
        seconds = _DAY if "day-ends" in self._quirks else self._span(len(rows)) * self._scale
        ends = at + seconds
        prefix = self._prefix(job)
        job.directory = (
            f"{prefix}/prediction-model-{rfc3339(at + self._rng(job.sequence, 'd').random())}"
        )
        denied = self._access.agent_writes(f"{prefix}/predictions.jsonl")
        bucket = prefix.removeprefix("gs://").partition("/")[0]
        if denied is None and bucket not in self._objects:
            denied = f"The specified bucket does not exist: {bucket}"
        if denied is not None:
            # found out when there is something to write: it has run, and counted
            job.error = {"code": 7, "message": denied}
            job.counts = {"successfulCount": len(rows)}
            job.is_closed = True
            job.timeline.schedule("FAILED", ends)
        elif "fails-with-rows" in self._quirks:
            job.error = {"code": 13, "message": _EXPORT}
            job.timeline.schedule("FAILED", ends)
        else:
            job.timeline.schedule("SUCCEEDED", ends)

    def _span(self, rows: int) -> float:
        return _SHORTEST + (_LONGEST - _SHORTEST) * (1 - math.exp(-rows / _ROWS))

    def _prefix(self, job: Job) -> str:
        prefix: str = job.order["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        return prefix.rstrip("/")

    def _fail(self, job: Job, code: int, message: str, at: float) -> None:
        job.error = {"code": code, "message": message}
        job.rows = None
        job.timeline.schedule("FAILED", at + _SHORTEST / 2 * self._scale)

    def _close(self, job: Job, began: float, ends: float) -> None:
        """Write the rows that were done."""
        rows = job.rows or []
        job.rows = []
        done = rows[: int(len(rows) * self._share(job, began, len(rows)))]
        if len(done) < len(rows):
            job.counts["incompleteCount"] = len(rows) - len(done)
        if not done or job.directory is None:
            job.directory = None
            return
        model = job.order["model"].rpartition("/")[2]
        seed = f"{self._seed}:{job.sequence}"
        work = Work(job.kind, model, done, ends, job.directory, seed)
        output = written(work, self._objects, self._quirks)
        job.counts |= {"successfulCount": output.succeeded, "failedCount": output.failed}

    def _share(self, job: Job, began: float, rows: int) -> float:
        """How much was done when the job ended."""
        if job.stopped_at < math.inf:
            whole = self._span(rows) * self._scale
            return min(1.0, max(0.0, (job.stopped_at - began) / whole)) if whole else 1.0
        for quirk in ("day-ends", "fails-with-rows"):
            if quirk in self._quirks:
                return self._quirks.value(quirk)
        return 1.0

    def _rng(self, sequence: int, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}:{sequence}:{purpose}")  # noqa: S311 - repeatable
