"""Result lines: what became of the requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from batchyard.models import Outcome

__all__ = ["ResultError", "ResultLine", "ResultResponse", "decode_result", "outcome_of"]

_NOTHING = msgspec.Raw()

_OUTCOMES: dict[str, Outcome] = {
    "batch_cancelled": "cancelled",
    "batch_expired": "expired",
    "content_filter": "blocked",
    "content_policy_violation": "blocked",
    "invalid_prompt": "blocked",  # "… flagged as potentially violating our usage policy"
    "moderation_blocked": "blocked",
    "responsibleaipolicyviolation": "blocked",
}


@dataclass(frozen=True, slots=True)
class ResultError:
    """Why a line failed.

    ``code`` is the provider's, ``no_response`` where it said nothing at all;
    ``status`` is the HTTP status of the line, 0 if it was not carried out.
    """

    code: str | None
    message: str
    status: int


class ResultResponse(msgspec.Struct, frozen=True, gc=False):
    """What the endpoint answered.  ``status_code`` is 0 where the line has none."""

    status_code: int = 0
    request_id: str | None = None
    body_json: msgspec.Raw = msgspec.field(name="body", default=_NOTHING)

    @property
    def body(self) -> msgspec.Raw | None:
        """JSON that has not been decoded."""
        return _present(self.body_json)


class ResultLine(msgspec.Struct, frozen=True, gc=False):
    """What became of one input line (OpenAI API reference, batch output object)."""

    custom_id: str
    id: str | None = None
    response: ResultResponse | None = None
    error_json: msgspec.Raw = msgspec.field(name="error", default=_NOTHING)

    @property
    def error(self) -> msgspec.Raw | None:
        """The line's own error, JSON that has not been decoded."""
        return _present(self.error_json)

    @property
    def status_code(self) -> int:
        """HTTP status of the line; 0 if the request was not carried out."""
        return self.response.status_code if self.response else 0

    @property
    def body(self) -> Any:
        """The response's body, decoded at each access, or ``None``.

        Raises :class:`msgspec.DecodeError` for one that is nested too deeply.
        """
        raw = self.response.body if self.response else None
        return None if raw is None else _decode_any(raw)

    @property
    def failure(self) -> ResultError | None:
        """Why the line failed, or ``None`` if it did not.

        Success is a 2xx status without an error on the line.
        """
        if 200 <= self.status_code < 300 and self.error is None:
            return None
        status = self.status_code
        return (
            _error_in_body(self.response, status)
            or _as_error(_or_none(self.error), status)
            or _silent(status)
        )


def decode_result(data: bytes) -> ResultLine:
    """Raises :class:`msgspec.DecodeError` for a line that is no object with a ``custom_id``.

    Anything else that is null, absent or of an odd type is read as absent.
    """
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _tolerant(data)


def outcome_of(result: ResultLine) -> Outcome:
    """What became of the line: ok, error, blocked, expired or cancelled."""
    failure = result.failure
    if failure is None:
        return "ok"
    return _OUTCOMES.get((failure.code or "").lower(), "error")


_decode = msgspec.json.Decoder(ResultLine).decode


def _present(raw: msgspec.Raw) -> msgspec.Raw | None:
    return raw if bytes(memoryview(raw)[:5]) not in {b"", b"null"} else None


def _tolerant(data: bytes) -> ResultLine:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8 (byte {error.start})") from error
    line = _loads(text)
    if not isinstance(line, dict):
        raise msgspec.DecodeError("not a JSON object")
    custom_id = line.get("custom_id")
    if not isinstance(custom_id, str):
        raise msgspec.DecodeError("without a custom_id that is a string")
    return ResultLine(
        custom_id=custom_id,
        id=_text(line.get("id")),
        response=_response(line.get("response")),
        error_json=_raw(line.get("error")),
    )


def _response(value: Any) -> ResultResponse | None:
    if not isinstance(value, dict):
        return None
    return ResultResponse(
        status_code=_status(value.get("status_code")),
        request_id=_text(value.get("request_id")),
        body_json=_raw(value.get("body")),
    )


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    if isinstance(value, int | float) and 100 <= value < 1000:
        return int(value)
    return 0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def _loads(text: str) -> Any:
    """What msgspec refuses and services send: NaN, half a surrogate pair, huge numbers."""
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise msgspec.DecodeError(f"not JSON: {error.msg} (character {error.pos})") from error


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        # longer than the interpreter is ready to convert
        return float(digits)


def _decode_any(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _loads(bytes(raw).decode(errors="replace"))


def _or_none(raw: msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else _decode_any(raw)
    except msgspec.DecodeError:
        # the line has failed in any case; only its reason cannot be read
        return None


def _error_in_body(response: ResultResponse | None, status: int) -> ResultError | None:
    body = _or_none(response.body if response else None)
    if not isinstance(body, dict):
        return None
    # some servers answer with the error itself in place of an envelope
    bare = body if isinstance(body.get("message"), str) else None
    return _as_error(body.get("error"), status) or _as_error(bare, status)


def _as_error(value: Any, status: int) -> ResultError | None:
    if isinstance(value, str) and value:
        return ResultError(None, value, status)
    if not isinstance(value, dict) or not value:
        return None
    code = value.get("code")
    if code is None or code == "":
        # not every error has a code, and then its type tells most
        code = value.get("type")
    message = _text(value.get("message")) or f"The provider gave no message (status {status})."
    return ResultError(None if code is None else str(code), message, status)


def _silent(status: int) -> ResultError:
    if status:
        return ResultError(None, f"The provider answered with status {status} alone.", status)
    message = "The provider gave neither a response nor an error for this request."
    return ResultError("no_response", message, 0)
