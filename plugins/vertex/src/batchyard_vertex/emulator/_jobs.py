"""Jobs: what is due, and what they leave in the bucket."""

from __future__ import annotations

import json
import math
import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from batchyard.emulators import Machine, Quirks, Timeline
from batchyard.emulators.openai_wire._prompts import PrefixCache
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._gemini import RowFailedError, answer
from batchyard_vertex.emulator._importer import Imported, ImportFailedError, imported
from batchyard_vertex.emulator._objects import Objects, rfc3339

__all__ = ["Job", "Jobs"]

PROJECT_NUMBER = "123456789012"
_PENDING = 25.0
_SHORTEST, _LONGEST = 15.0, 120.0
_ROWS = 2000
_CANCELLING = 20.0
_QUEUE = 72 * 3600.0
_URI = re.compile(r"gs://([^/]+)/(.+)")

_STATES = Machine(
    {
        "PENDING": frozenset({"RUNNING", "CANCELLING", "FAILED", "EXPIRED"}),
        "RUNNING": frozenset({"SUCCEEDED", "FAILED", "CANCELLING"}),
        "CANCELLING": frozenset({"CANCELLED", "SUCCEEDED"}),
        "SUCCEEDED": frozenset(),
        "FAILED": frozenset(),
        "CANCELLED": frozenset(),
        "EXPIRED": frozenset(),
    }
)


@dataclass(slots=True)
class Job:
    """One job.  ``rows`` are there once it runs."""

    number: str
    sequence: int
    project: str
    location: str
    order: dict[str, Any]
    created_at: float
    timeline: Timeline
    rows: Imported | None = None
    error: dict[str, Any] | None = None
    directory: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    stopped_at: float = math.inf
    is_closed: bool = False

    @property
    def name(self) -> str:
        return (
            f"projects/{PROJECT_NUMBER}/locations/{self.location}/batchPredictionJobs/{self.number}"
        )

    def document(self, now: float) -> dict[str, Any]:
        """As the service shows it; what is not known yet is not there."""
        state = self.timeline.state(now)
        started, ends = self.timeline.entered("RUNNING", now), self.timeline.ends_at()
        ended = ends if ends is not None and ends <= now else None
        document: dict[str, Any] = {
            "name": self.name,
            **self.order,
            "state": f"JOB_STATE_{state}",
            "createTime": rfc3339(self.created_at),
            "updateTime": rfc3339(ended or started or self.created_at),
            "modelVersionId": "1",
        }
        if started is not None:
            document["startTime"] = rfc3339(started, micro=False)
        if ended is not None:
            document["endTime"] = rfc3339(ended, micro=False)
            document |= {"error": self.error} if self.error else {}
            if self.directory:
                document["outputInfo"] = {"gcsOutputDirectory": self.directory}
            if any(self.counts.values()):
                stats = {name: str(value) for name, value in self.counts.items() if value}
                document["completionStats"] = stats
        return document


class Jobs:
    """All jobs.  `advance` does what is due for one; it blocks."""

    def __init__(self, objects: Objects, *, seed: int, time_scale: float, quirks: Quirks) -> None:
        self._objects = objects
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
            job = Job(number, sequence, project, location, order, now, Timeline(_STATES, now))
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

    def all(self, project: str, location: str, now: float) -> list[Job]:
        """Newest first."""
        found = [
            one
            for one in reversed(list(self._jobs.values()))
            if one.location == location and project in {one.project, PROJECT_NUMBER}
        ]
        for one in found:
            self.advance(one, now)
        return found

    def cancel(self, job: Job, now: float) -> None:
        with self._lock:
            state = job.timeline.state(now)
            if state == "CANCELLING":
                return
            if _STATES.is_terminal(state):
                message = f"The job is in state JOB_STATE_{state} and cannot be cancelled."
                raise ApiError(400, message, status="FAILED_PRECONDITION")
            job.stopped_at = now
            job.timeline.interrupt("CANCELLING", now)
            job.timeline.schedule("CANCELLED", now + _CANCELLING * self._scale)
            job.error = {"code": 1, "message": "CANCELED"}

    def advance(self, job: Job, now: float) -> None:
        with self._lock:
            began = job.timeline.entered("RUNNING", now)
            if began is not None and job.rows is None and job.error is None:
                self._start(job, began)
            ends = job.timeline.ends_at()
            if job.rows is not None and ends is not None and ends <= now and not job.is_closed:
                job.is_closed = True
                self._write(job, began or ends, ends)

    def _start(self, job: Job, at: float) -> None:
        uri = job.order["inputConfig"]["gcsSource"]["uris"][0]
        found = _URI.fullmatch(uri)
        bucket, name = (found[1], found[2]) if found else ("", "")
        try:
            if bucket not in self._objects:
                message = f"Failed to get GCS bucket location for {bucket}."
                raise _JobFailedError(9, message)
            job.rows = imported(self._objects.get(bucket, name).blob)
            growth = 1 - math.exp(-len(job.rows) / _ROWS)
            seconds = _SHORTEST + (_LONGEST - _SHORTEST) * growth
            self._check_output(job)
            job.timeline.schedule("SUCCEEDED", at + seconds * self._scale)
        except ImportFailedError as error:
            self._fail(job, 3, str(error), at)
        except ApiError as error:
            self._fail(job, 5, error.message, at)
        except _JobFailedError as error:
            self._fail(job, error.code, str(error), at)

    def _check_output(self, job: Job) -> None:
        prefix = job.order["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        found = _URI.fullmatch(prefix + "/")
        if found is None or found[1] not in self._objects:
            agent = f"service-{PROJECT_NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
            raise _JobFailedError(
                7,
                f"Service account {agent} doesn't have sufficient permission "
                f'"storage.objects.create" to write {prefix}/predictions.jsonl.',
            )

    def _fail(self, job: Job, code: int, message: str, at: float) -> None:
        job.error = {"code": code, "message": message}
        job.rows = None
        job.timeline.schedule("FAILED", at + _SHORTEST / 2 * self._scale)

    def _write(self, job: Job, began: float, ends: float) -> None:
        """The rows that were done, in an order of their own, in as many objects as there are."""
        rows = job.rows or []
        job.rows = []
        done = rows
        if job.stopped_at < math.inf:
            span = _SHORTEST + (_LONGEST - _SHORTEST) * (1 - math.exp(-len(rows) / _ROWS))
            share = (job.stopped_at - began) / (span * self._scale) if self._scale else 1
            done = rows[: int(len(rows) * min(1.0, max(0.0, share)))]
            job.counts["incompleteCount"] = len(rows) - len(done)
        if not done:
            return
        rng = self._rng(job.sequence, "rows")
        lines = self._lines(job, done, ends)
        rng.shuffle(lines)
        job.directory = self._directory(job, began + rng.random())
        self._put(job.directory, lines, ends)

    def _directory(self, job: Job, at: float) -> str:
        prefix: str = job.order["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        return f"{prefix.rstrip('/')}/prediction-model-{rfc3339(at)}"

    def _put(self, directory: str, lines: list[str], at: float) -> None:
        shards = max(1, int(self._quirks.value("shards")))
        late = at + self._quirks.value("late-objects")
        bucket, _, folder = directory.removeprefix("gs://").partition("/")
        for number in range(shards):
            writer = self._objects.store.writer()
            writer.write("".join(lines[number::shards]).encode())
            name = "predictions" if shards == 1 else f"predictions_{shards - number:04d}"
            self._objects.put(
                bucket,
                f"{folder}/{name}.jsonl",
                writer.commit(),
                at=at,
                visible_at=late,
            )

    def _lines(self, job: Job, rows: Imported, at: float) -> list[str]:
        cache = PrefixCache()
        counts = {"successfulCount": 0, "failedCount": 0}
        every = int(self._quirks.value("flaky-rows"))
        lines = []
        for number, row in enumerate(rows, 1):
            written = self._row(job, row, cache, at, flaky=bool(every) and number % every == 0)
            counts["failedCount" if written["status"] else "successfulCount"] += 1
            lines.append(json.dumps(written) + "\n")
        job.counts |= counts
        lost = int(self._quirks.value("missing-rows"))
        return lines[lost:]

    def _row(
        self, job: Job, row: dict[str, Any], cache: PrefixCache, at: float, *, flaky: bool
    ) -> dict[str, Any]:
        rng = random.Random(f"{self._seed}:{json.dumps(row)}")  # noqa: S311 - repeatable
        model = job.order["model"].rpartition("/")[2]
        result: dict[str, Any] = {}
        if "no-sibling-echo" not in self._quirks:
            result = {key: _retyped(one) for key, one in row.items() if key != "request"}
        result |= {"status": "", "processed_time": rfc3339(at).replace("Z", "+00:00")}
        try:
            if flaky:
                message = "Resource exhausted. Please try again later."
                raise RowFailedError(429, "Too Many Requests", message, "RESOURCE_EXHAUSTED")
            response = answer(row["request"], model, rng, cache)
        except RowFailedError as error:
            result["status"], response = error.text, {}
        else:
            response["createTime"] = rfc3339(at)
            response["responseId"] = f"{rng.getrandbits(96):024x}"
            if "no-model-version" not in self._quirks:
                response["modelVersion"] = f"{model}@default"
        return {**result, "request": _reserialised(row["request"]), "response": response}

    def _rng(self, sequence: int, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}:{sequence}:{purpose}")  # noqa: S311 - repeatable


class _JobFailedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _retyped(value: Any) -> Any:
    """What the importer makes of a text that looks like a number."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else value


def _reserialised(request: dict[str, Any]) -> dict[str, Any]:
    """The request as it comes back: members in another order, and with nulls."""
    echoed = {key: request[key] for key in sorted(request)}
    echoed["contents"] = [
        {
            "parts": [{"fileData": None, "text": None, **part} for part in content["parts"]],
            "role": content.get("role"),
        }
        for content in request["contents"]
    ]
    return echoed
