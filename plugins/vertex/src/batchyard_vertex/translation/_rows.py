"""Prediction rows as the lines of OpenAI's output and error files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from batchyard.lines import MAX_RESULT_LINE, split
from batchyard_vertex.translation._answers import block_reason, chat_completion
from batchyard_vertex.translation._input_file import LABEL, SIBLING
from batchyard_vertex._names import JobId, Role
from batchyard_vertex.translation._row_ids import RowIds, row_number

__all__ = ["Rows"]

_PHRASES = {status.phrase.lower(): int(status) for status in HTTPStatus}
_PREFIX = re.compile(r"([A-Za-z][A-Za-z' -]{2,40}):")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

_NEVER_RUN = {
    "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
    "expired": ("batch_expired", "This request was not executed: the batch expired."),
}


class Rows:
    """Writes one of a job's two files.  Plain and blocking."""

    def __init__(self, ids: RowIds, role: Role, job: JobId) -> None:
        self._ids = ids
        self._role = role
        self._job = job
        self._seen = bytearray(len(ids) + 1)

    def translated(self, block: bytes) -> bytes:
        """The lines of this file among some whole rows."""
        lines = (self._line(data) for _, _, data in split((block,), MAX_RESULT_LINE))
        return b"".join(line for line in lines if line)

    def left_out(self) -> Iterator[bytes]:
        """The lines that the service never got, because they were wrong."""
        for number, entry in self._ids.entries():
            if entry.error is None:
                continue
            self._seen[number] = 1
            if self._role == "error":
                yield self._written(number, entry.custom_id, _refusal(400, entry.error))

    def never_run(self, status: str | None) -> Iterator[bytes]:
        """The lines without a row, of a job that was cancelled or has expired."""
        reason = _NEVER_RUN.get(status or "")
        if reason is None or self._role != "error":
            return
        error = {"code": reason[0], "message": reason[1]}
        for number, entry in self._ids.entries():
            if not self._seen[number]:
                yield self._written(number, entry.custom_id, None, error)

    def _line(self, data: bytes | None) -> bytes:
        if data is not None and not data.strip():
            return b""
        try:
            row = msgspec.json.decode(data or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = _loaded(data)
        if not isinstance(row, dict):
            return self._lost("A row of the output cannot be read.")
        number = _number_of(row)
        if number is None:
            return self._lost("A row of the output does not say whose it is.")
        if number < len(self._seen):
            self._seen[number] = 1
        response = _response(row, f"{self._job.number}-{number}")
        role = "output" if response["status_code"] == 200 else "error"
        if role != self._role:
            return b""
        entry = self._ids.entry(number)
        # of a row that nobody asked for, its own id is all there is
        return self._written(number, entry.custom_id if entry else f"by-{number}", response)

    def _lost(self, message: str) -> bytes:
        """A row that belongs to no line is told of where failures are, once."""
        if self._role != "error":
            return b""
        return self._written(0, None, None, {"code": "malformed_row", "message": message})

    def _written(
        self,
        number: int,
        custom_id: str | None,
        response: dict[str, Any] | None,
        error: dict[str, str] | None = None,
    ) -> bytes:
        line = {
            "id": f"batch_req_{self._job.number}_{number}",
            "custom_id": custom_id,
            "response": response,
            "error": error,
        }
        return json.dumps(line).encode() + b"\n"


def _loaded(data: bytes | None) -> Any:
    """What msgspec refuses, such as half of a surrogate pair."""
    try:
        return json.loads(data or b"")
    except (ValueError, RecursionError):
        return None


def _number_of(row: Mapping[str, Any]) -> int | None:
    """From the label, which is always echoed, else from the key beside the request."""
    request = row.get("request")
    labels = request.get("labels") if isinstance(request, Mapping) else None
    label = labels.get(LABEL) if isinstance(labels, Mapping) else None
    found = row_number(label)
    return found if found is not None else row_number(row.get(SIBLING))


def _response(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What the endpoint would have answered."""
    status, answer = row.get("status"), row.get("response")
    if isinstance(status, str) and status.strip():
        return _refusal(*_failure(status))
    if not isinstance(answer, Mapping) or not answer:
        return _refusal(502, _error(502, "The service gave neither an answer nor a reason."))
    reason = block_reason(answer)
    if not answer.get("candidates"):
        message = f"The prompt was blocked ({reason})." if reason else "The answer is empty."
        code = "content_filter" if reason else "empty_response"
        return _refusal(400 if reason else 502, _error(400 if reason else 502, message, code))
    body = chat_completion(answer, name, row.get("processed_time"))
    return {"status_code": 200, "request_id": body["id"], "body": body}


def _refusal(status: int, error: Mapping[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": "", "body": {"error": error}}


def _failure(status: str) -> tuple[int, dict[str, Any]]:
    """``Bad Request: {"error": {…}}``, or a text of any kind."""
    prefix = _PREFIX.match(status)
    http = _PHRASES.get(prefix[1].lower(), 500) if prefix else 500
    try:
        error = json.loads(status[status.index("{") :])["error"]
        message = error["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return http, _error(http, status)
    number, name = error.get("code"), error.get("status")
    if isinstance(number, int) and 400 <= number < 600:
        http = number
    return http, _error(http, str(message), name if isinstance(name, str) else None)


def _error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    usual = "server_error" if status >= 500 else "invalid_request_error"
    return {
        "message": message,
        "type": _TYPES.get(status, usual),
        "param": None,
        "code": code,
    }
