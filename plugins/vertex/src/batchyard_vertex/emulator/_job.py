"""One job, and how the service shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from batchyard.emulators import Machine, Quirks, Timeline
from batchyard_vertex.emulator._access import PROJECT_NUMBER
from batchyard_vertex.emulator._importer import Imported
from batchyard_vertex.emulator._models import Kind
from batchyard_vertex.emulator._objects import rfc3339

__all__ = ["STATES", "Job", "foreign_job"]

STATES = Machine(
    {
        "PENDING": frozenset({"RUNNING", "CANCELLING", "FAILED", "EXPIRED"}),
        "RUNNING": frozenset({"SUCCEEDED", "FAILED", "CANCELLING"}),
        "CANCELLING": frozenset({"CANCELLED", "SUCCEEDED", "FAILED"}),
        "SUCCEEDED": frozenset(),
        "FAILED": frozenset(),
        "CANCELLED": frozenset(),
        "EXPIRED": frozenset(),
    }
)


@dataclass(slots=True)
class Job:
    """One job.  ``rows`` are there once it runs; ``stopped_at`` is when rows were last done."""

    number: str
    sequence: int
    project: str
    location: str
    order: dict[str, Any]
    created_at: float
    timeline: Timeline
    kind: Kind = Kind.GEMINI
    rows: Imported | None = None
    error: dict[str, Any] | None = None
    directory: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    stopped_at: float = math.inf
    cancelled_at: float = math.inf
    is_closed: bool = False

    @property
    def name(self) -> str:
        return (
            f"projects/{PROJECT_NUMBER}/locations/{self.location}/batchPredictionJobs/{self.number}"
        )

    def document(self, now: float, quirks: Quirks) -> dict[str, Any]:
        """As the service shows it; what is not known yet is not there."""
        started, ends = self.timeline.entered("RUNNING", now), self.timeline.ends_at()
        ended = ends if ends is not None and ends <= now else None
        document: dict[str, Any] = {
            "name": self.name,
            **self._order(quirks),
            "state": f"JOB_STATE_{self._state(now, quirks)}",
            "createTime": rfc3339(self.created_at),
            "updateTime": rfc3339(ended or started or self.created_at),
            "modelVersionId": "1",
        }
        if started is not None:
            document["startTime"] = rfc3339(started, micro=False)
        if ended is not None:
            document["endTime"] = rfc3339(ended, micro=False)
            document |= self._ending(quirks)
        return document

    def _order(self, quirks: Quirks) -> dict[str, Any]:
        order = dict(self.order)
        if "model-rewritten" in quirks and order["model"].startswith("publishers/"):
            place = f"projects/{PROJECT_NUMBER}/locations/{self.location}"
            order["model"] = f"{place}/{order['model']}"
        if "string-uris" in quirks:
            source = order["inputConfig"]["gcsSource"]["uris"][0]
            order["inputConfig"] = {**order["inputConfig"], "gcsSource": {"uris": source}}
        return order

    def _state(self, now: float, quirks: Quirks) -> str:
        state = self.timeline.state(now)
        if state == "PENDING" and "unknown-states" in quirks:
            return "PREPARING"
        if state == "PENDING" and "queued" in quirks:
            return "QUEUED"
        if state == "RUNNING" and "paused" in quirks:
            return self._interrupted(now)
        if state == "CANCELLING" and now < self.cancelled_at + quirks.value("cancel-lags"):
            return "RUNNING"
        if state == "SUCCEEDED" and "partial-state" in quirks and self.counts.get("failedCount"):
            return "PARTIALLY_SUCCEEDED"
        return state

    def _interrupted(self, now: float) -> str:
        """Running for a third of the time, paused for one, and about to go on for the last."""
        began, ends = self.timeline.entered("RUNNING", now), self.timeline.ends_at()
        if began is None or ends is None or ends <= began:
            return "RUNNING"
        third = int(3 * (now - began) / (ends - began))
        return ("RUNNING", "PAUSED", "UPDATING")[min(2, max(0, third))]

    def _ending(self, quirks: Quirks) -> dict[str, Any]:
        ending: dict[str, Any] = {"error": self.error} if self.error else {}
        if self.directory:
            ending["outputInfo"] = {"gcsOutputDirectory": self.directory}
        counts = {name: str(value) for name, value in self.counts.items() if value}
        if counts and "no-stats" not in quirks:
            if "unknown-incomplete" in quirks:
                counts.setdefault("incompleteCount", "-1")
            ending["completionStats"] = counts
        return ending


def foreign_job(location: str, place: int, now: float) -> dict[str, Any]:
    """A job of the project that is no matter of language models."""
    number = str(7_000_000_000_000_000_000 + place)
    project = f"projects/{PROJECT_NUMBER}/locations/{location}"
    return {
        "name": f"{project}/batchPredictionJobs/{number}",
        "displayName": f"churn-table-{place}",
        "model": f"{project}/models/8100000000000000001",
        "inputConfig": {
            "instancesFormat": "bigquery",
            "bigquerySource": {"inputUri": "bq://warehouse.churn.customers"},
        },
        "outputConfig": {
            "predictionsFormat": "bigquery",
            "bigqueryDestination": {"outputUri": "bq://warehouse"},
        },
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-8"}},
        "state": "JOB_STATE_SUCCEEDED",
        "createTime": rfc3339(now - 60 * place),
        "updateTime": rfc3339(now),
    }
