"""Prediction rows as the lines of OpenAI's output and error files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from batchyard.lines import MAX_RESULT_LINE, split
from batchyard_vertex._names import JobId, Role
from batchyard_vertex.translation._answers import About, blocked_in, chat_completion, text_in
from batchyard_vertex.translation._claude_answers import claude_completion
from batchyard_vertex.translation._dialects import LABEL
from batchyard_vertex.translation._digests import digest_of
from batchyard_vertex.translation._failures import error_body, failure_of, refusal, spent
from batchyard_vertex.translation._plain_rows import PlainRow, PlainRows
from batchyard_vertex.translation._response_objects import response_object
from batchyard_vertex.translation._row_ids import Place, RowIds, place_of
from batchyard_vertex.translation._usage import gemini_counts
from batchyard_vertex.translation._vectors import Join, Vector, vector_in

__all__ = ["Rows"]

_NEVER_RUN = {
    "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
    "expired": ("batch_expired", "This request was not executed: the batch expired."),
}

_NOBODYS = "A row of the output does not say whose it is."

_Outcome: TypeAlias = Vector | dict[str, Any] | None

Read: TypeAlias = Callable[[dict[str, Any], About], dict[str, Any]]

_READERS: dict[str, Read] = {
    "claude": claude_completion,
    "gemini": chat_completion,
    "native": lambda answer, about: {"modelVersion": about.model, **answer},
    "open": lambda answer, about: {"model": about.model, **answer},
    "responses": response_object,
}
_OF_GEMINI = frozenset({"gemini", "native", "responses"})


class _Echo(msgspec.Struct, gc=False):
    """Of the request, which is as long as the answer, the labels are all that is read."""

    labels: Any = None


class _Row(msgspec.Struct, gc=False):
    status: Any = None
    custom_id: Any = None
    key: Any = None
    request: _Echo | None = None
    response: Any = None
    processed_time: Any = None
    predictions: Any = None


_decode = msgspec.json.Decoder(_Row).decode


class Rows:
    """Writes one of a job's two files.  Plain and blocking; to be closed."""

    def __init__(self, ids: RowIds, role: Role, job: JobId) -> None:
        self._ids = ids
        self._role = role
        self._job = job
        self._model = ids.head.model.rpartition("/")[2]
        self._dialect = ids.head.dialect
        self._read = _READERS.get(self._dialect)
        self._join = Join(self._model, len(ids)) if self._read is None else None
        self._plain = PlainRows(job.number, self._model) if ids.head.dialect == "gemini" else None
        self._seen = bytearray(len(ids) + 1)
        self._left = len(ids)
        self._found = 0

    def close(self) -> None:
        if self._join is not None:
            self._join.close()

    @property
    def complete(self) -> bool:
        """Whether there has been a row for every line that was sent."""
        return self._left <= 0

    @property
    def found(self) -> int:
        """How many rows there were, each once."""
        return self._found

    def translated(self, block: bytes) -> bytes:
        """The lines of this file among some whole rows."""
        lines = (self._line(data) for _, _, data in split((block,), MAX_RESULT_LINE))
        return b"".join([line for line in lines if line])

    def left_out(self) -> Iterator[bytes]:
        """The lines that the service never got, because they were wrong."""
        for number, entry in self._ids.entries():
            error = entry.error
            if error is None:
                continue
            self._mark(number)
            if self._role == "error":
                yield self._written(number, entry.custom_id, refusal(400, error))

    def never_run(self, status: str | None) -> Iterator[bytes]:
        """The lines of which something never came, and those without any row of a job cut short."""
        reason = _NEVER_RUN.get(status or "")
        for number in self._join.waiting if self._join is not None else ():
            entry = self._ids.entry(number)
            if entry is not None and self._join is not None:
                self._mark(number)
                told = self._join.told(number, len(entry.digests), reason and reason[0])
                if self._role == "error":
                    yield self._written(number, entry.custom_id, told)
        if reason is None or self._role != "error":
            return
        error = {"code": reason[0], "message": reason[1]}
        for number, entry in self._ids.entries():
            if not self._seen[number]:
                yield self._written(number, entry.custom_id, None, error)

    def _is_new(self, number: int) -> bool:
        return number < len(self._seen) and not self._seen[number]

    def _mark(self, number: int) -> None:
        if self._is_new(number):
            self._seen[number] = 1
            self._left -= 1

    def _line(self, data: bytes | None) -> bytes:
        if self._plain is not None and data:
            plain = self._plain.read(data)
            if plain is not None:
                return self._plainly(self._plain, plain)
        return self._oddly(data)

    def _oddly(self, data: bytes | None) -> bytes:
        """A row of any kind."""
        if data is not None and not data.strip():
            return b""
        row = _row_in(data)
        if row is None:
            return self._lost("A row of the output cannot be read.")
        outcome = self._outcome(row)
        place = _place_in(row)
        if place is None:
            good = not isinstance(outcome, dict)
            place = self._ids.take(self._digest(data or b""), good=good)
        if place is None:
            return self._lost(_NOBODYS)
        if self._join is not None:
            return self._joined(self._join, place, outcome)
        self._found += self._is_new(place.number)
        if isinstance(outcome, dict):
            return self._answered(place.number, outcome)
        return self._answered(place.number, self._read_answer(row, place.number), self._why(row))

    def _why(self, row: _Row) -> dict[str, str] | None:
        """What an answer says beside itself: a prompt that was blocked has one, and was paid for.

        Its line says so too, or it would be taken for an answer that has no words.
        """
        blocked = blocked_in(row.response) if self._dialect in _OF_GEMINI else None
        return blocked and {"code": "content_filter", "message": blocked.message}

    def _joined(self, join: Join, place: Place, outcome: _Outcome) -> bytes:
        """What a row adds to its line of embeddings: the line, if it is complete by that."""
        entry = self._ids.entry(place.number)
        size = len(entry.digests) if entry else 1
        if place.part >= size:
            return self._lost(_NOBODYS)
        as_base64 = bool(entry and (entry.about or {}).get("base64"))
        self._found += join.lacks(place, size)
        response = join.add(place, size, outcome or {}, as_base64=as_base64)
        return b"" if response is None else self._answered(place.number, response)

    def _answered(
        self, number: int, response: dict[str, Any], error: dict[str, str] | None = None
    ) -> bytes:
        self._mark(number)
        if (response["status_code"] == 200) != (self._role == "output"):
            return b""
        # of a row that nobody asked for, its own id is all there is
        custom_id = self._ids.custom_id(number) or f"by-{number}"
        return self._written(number, custom_id, response, error)

    def _plainly(self, plain: PlainRows, row: PlainRow) -> bytes:
        number = row.number
        self._found += self._is_new(number)
        self._mark(number)
        if self._role != "output":
            return b""
        return plain.written(row, number, self._ids.custom_id(number) or f"by-{number}")

    def _digest(self, data: bytes) -> bytes:
        """What the echoed request is known by."""
        row = _loaded(data)
        echoed = row.get("instance") if self._dialect == "predictions" else row.get("request")
        if isinstance(echoed, str):
            echoed = {"content": echoed}
        return digest_of(echoed) if isinstance(echoed, dict) else b""

    def _outcome(self, row: _Row) -> _Outcome:
        """The vector or the failure in a row; ``None`` if it has an answer that is to be read."""
        if self._join is not None:
            predictions = row.predictions if isinstance(row.predictions, list) else []
            answer = predictions[0] if predictions else row.response
            vector = None if _status_of(row) else vector_in(answer)
            if vector is not None:
                return vector
            return _failure_in(row) or refusal(502, error_body(502, "The row has no vector."))
        failure = _failure_in(row)
        if failure is None and self._dialect in _OF_GEMINI and not row.response.get("candidates"):
            return _unanswered(row.response, self._usage(row.response))
        return failure

    def _usage(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        counts = gemini_counts(answer.get("usageMetadata"))
        return {"model": self._model, "usage": counts.of_chat()} if counts else None

    def _read_answer(self, row: _Row, number: int) -> dict[str, Any]:
        """What the endpoint would have answered."""
        about = About(f"{self._job.number}-{number}", row.processed_time, self._model)
        body = self._read(row.response, about) if self._read is not None else row.response
        return {"status_code": 200, "request_id": text_in(body, "id"), "body": body}

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
        try:
            return msgspec.json.encode(line) + b"\n"
        except (UnicodeEncodeError, RecursionError, msgspec.MsgspecError):
            # half a surrogate pair can only be written as an escape
            return json.dumps(line).encode() + b"\n"


def _row_in(data: bytes | None) -> _Row | None:
    try:
        return _decode(data or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        row = _loaded(data or b"")
    if not row:
        return None
    request = row.get("request")
    echo = _Echo(request.get("labels")) if isinstance(request, dict) else None
    known = {name: row.get(name) for name in _Row.__struct_fields__ if name != "request"}
    return _Row(request=echo, **known)


def _loaded(data: bytes) -> dict[str, Any]:
    """What msgspec refuses too, such as half of a surrogate pair; empty for no object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _place_in(row: _Row) -> Place | None:
    """From the label, which is always echoed, else from the keys beside the request."""
    labels = row.request.labels if row.request is not None else None
    label = labels.get(LABEL) if isinstance(labels, dict) else None
    return place_of(label) or place_of(row.custom_id) or place_of(row.key)


def _status_of(row: _Row) -> str:
    return row.status.strip() if isinstance(row.status, str) else ""


def _failure_in(row: _Row) -> dict[str, Any] | None:
    status = _status_of(row)
    if status:
        return failure_of(status)
    if not isinstance(row.response, dict) or not row.response:
        message = "The service gave neither an answer nor a reason."
        return refusal(502, error_body(502, message))
    return None


def _unanswered(answer: Mapping[str, Any], usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """``None`` for a prompt that was blocked: that is an answer, of one choice without words."""
    if blocked_in(answer) is not None:
        return None
    return spent(refusal(502, error_body(502, "The answer is empty.", "empty_response")), usage)
