"""Gemini's files and batches, and the files and batches that they are to us."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from batchyard.effects import Reply, Request
from batchyard.errors import APIStatusError, status_error
from batchyard.models import Batch, BatchErrors, FileObject, RequestCounts
from batchyard.steps import failure_details, redacted, refusal
from batchyard_gemini._labels import FileLabel, JobLabel

__all__ = ["ENDPOINT", "STATES", "File", "Files", "Operation", "Operations", "Uploaded", "refuse"]

ENDPOINT = "/v1/chat/completions"

_STATES = {
    "PENDING": "validating",
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}

STATES = {
    f"{prefix}_STATE_{name}": status
    for prefix in ("BATCH", "JOB")
    for name, status in _STATES.items()
}
"""Both spellings: the service's own, and that of its clients (python-genai)."""

FILE_STATES = {"ACTIVE": "processed", "PROCESSING": "pending", "FAILED": "error"}


class Answer(BaseModel):
    """Names are in camel case there."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class File(Answer):
    name: str = Field(min_length=1)
    display_name: str | None = None
    size_bytes: int | None = None
    create_time: str | None = None
    expiration_time: str | None = None
    state: str | None = None
    source: str | None = None

    @property
    def label(self) -> FileLabel:
        return FileLabel.parse(self.display_name or "")

    def object(self) -> FileObject:
        made = self.source == "GENERATED"
        return FileObject.model_validate(
            {
                "id": self.name,
                "filename": self.label.filename or None,
                "bytes": self.size_bytes,
                "created_at": self.create_time,
                "expires_at": self.expiration_time,
                "purpose": "batch_output" if made else "batch",
                "status": FILE_STATES.get(self.state or "", self.state),
            }
        )


class Uploaded(Answer):
    file: File


class Files(Answer):
    """A list; an empty one is ``{}``."""

    files: list[File] = []
    next_page_token: str | None = None


class Stats(Answer):
    request_count: int = 0
    successful_request_count: int = 0
    failed_request_count: int = 0


class Output(Answer):
    responses_file: str | None = None


class Failure(Answer):
    code: int | None = None
    message: str | None = None


class Metadata(Answer):
    """A GenerateContentBatch."""

    model: str | None = None
    display_name: str | None = None
    state: str = "BATCH_STATE_PENDING"
    create_time: str | None = None
    end_time: str | None = None
    batch_stats: Stats = Stats()
    output: Output | None = None


class Operation(Answer):
    """A batch, as it is asked for by its name."""

    name: str = Field(min_length=1)
    metadata: Metadata
    error: Failure | None = None
    response: Output | None = None

    @property
    def label(self) -> JobLabel:
        return JobLabel.parse(self.metadata.display_name or "")

    def batch(self) -> Batch:
        seen, label = self.metadata, self.label
        # a state that nobody knows is passed on: it is taken for "still running"
        status = STATES.get(seen.state, seen.state)
        outputs = (seen.output, self.response)
        files = [one.responses_file for one in outputs if one and one.responses_file]
        ended = {f"{status}_at": seen.end_time} if status in _ENDED else {}
        return Batch.model_validate(
            {
                "id": self.name,
                "endpoint": ENDPOINT,
                "model": (seen.model or "").removeprefix("models/") or None,
                "input_file_id": label.file,
                "output_file_id": files[0] if files else None,
                "status": status,
                "errors": self._errors() if status == "failed" else None,
                "created_at": seen.create_time,
                "request_counts": self._counts(),
                "metadata": dict(label.notes),
                **ended,
            }
        )

    def _counts(self) -> RequestCounts:
        stats = self.metadata.batch_stats
        return RequestCounts(
            total=stats.request_count,
            completed=stats.successful_request_count,
            failed=stats.failed_request_count,
        )

    def _errors(self) -> BatchErrors | None:
        if self.error is None:
            return None
        one = {"code": str(self.error.code or ""), "message": self.error.message}
        return BatchErrors.model_validate({"data": [one]})


_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


class Operations(Answer):
    """A list; an empty one is ``{}``."""

    operations: list[Operation] = []
    next_page_token: str | None = None


def refuse(reply: Reply, request: Request) -> APIStatusError:
    """The error for a refused reply: Google's envelope, or a proxy's page."""
    error = _error(reply.body)
    if error is None:
        return refusal(reply, request)
    details = failure_details(reply)
    reasons = [one for one in error.get("details") or () if isinstance(one, dict)]
    code = next((one["reason"] for one in reasons if isinstance(one.get("reason"), str)), None)
    status = error.get("status")
    details["code"] = code or (status if isinstance(status, str) else None)
    if details["code"] == "API_KEY_INVALID":
        # a key that is none is no bad request: it is answered with 400
        details["status"] = 401
    wait = next((_seconds(one.get("retryDelay")) for one in reasons if "retryDelay" in one), None)
    if wait is not None:
        details.setdefault("retry_after", wait)
    if details["code"] is not None:
        details["code"] = redacted(details["code"], request)
    message = redacted(str(error.get("message") or f"HTTP {reply.status}"), request)
    return status_error(message, **details)


def _error(body: bytes) -> dict[str, Any] | None:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = envelope.get("error") if isinstance(envelope, dict) else None
    well = isinstance(error, dict) and isinstance(error.get("details") or [], list)
    return error if well else None


def _seconds(text: object) -> float | None:
    """``12s``, of a RetryInfo."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", text) if isinstance(text, str) else None
    return float(found[1]) if found else None
