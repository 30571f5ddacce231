"""Lines, Anthropic's and ours: a request becomes one of a batch's, and a result a result line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchyard.lines import NEVER_RUN, result_without_response
from batchyard_anthropic._errors import STATUSES, error_in
from batchyard_anthropic._ids import sent_id
from batchyard_anthropic.translation import Loss, Options, RefusedError, completion_of, params_of

__all__ = [
    "CHAT",
    "ENDPOINTS",
    "MESSAGES",
    "Prepared",
    "id_of",
    "packed",
    "prepared",
    "result_line",
    "row_of",
]

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
ENDPOINTS = (CHAT, MESSAGES)

UNANSWERED = {"expired": "expired", "canceled": "cancelled"}
"""Results that nothing was made for."""

OVER = 500


@dataclass(frozen=True, slots=True)
class Prepared:
    """A line on its way: ``request`` is what is sent for it, ``notes`` are its losses."""

    custom_id: str
    endpoint: str
    request: bytes
    notes: list[Loss]


def prepared(line: bytes, options: Options) -> Prepared:
    """What to send for a line: of OpenAI's chat, of OpenAI's shape for Claude, or Anthropic's own.

    Raises :class:`RefusedError`.
    """
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise RefusedError("This line is no JSON.", None, "invalid_json_line") from None
    custom_id = given.get("custom_id") if isinstance(given, dict) else None
    if not isinstance(custom_id, str):
        raise RefusedError("A request is an object with a `custom_id`.", "custom_id")
    notes: list[Loss] = []
    if "params" in given and "body" not in given:
        endpoint, params = MESSAGES, _native(given["params"], "params")
    else:
        endpoint, params = _of_body(given, options, notes)
    try:
        request = packed({"custom_id": sent_id(custom_id), "params": params})
    except (ValueError, RecursionError):
        raise RefusedError("It has a value that JSON has no way to write.", "body") from None
    return Prepared(custom_id, endpoint, request, notes)


def _of_body(
    given: Mapping[str, Any], options: Options, notes: list[Loss]
) -> tuple[str, Mapping[str, Any]]:
    url, body = given.get("url"), given.get("body")
    if not isinstance(body, dict):
        raise RefusedError("A request has a `body`.", "body")
    if url == MESSAGES:
        return MESSAGES, _native(body, "body")
    if url != CHAT:
        taken = " and ".join(ENDPOINTS)
        raise RefusedError(f"`url` is {url!r}. Anthropic takes {taken}.", "url", "invalid_url")
    return CHAT, params_of(body, options, notes)


def _native(params: Any, param: str) -> Mapping[str, Any]:
    """Anthropic's own, as they are: what is wrong with them is an error of that line, there."""
    if not isinstance(params, dict):
        raise RefusedError("The parameters of a message are an object.", param)
    if params.get("stream"):
        message = "A batch cannot stream. Remove `stream`."
        raise RefusedError(message, f"{param}.stream", "streaming_unsupported")
    return params


def packed(value: object) -> bytes:
    """As JSON, without spaces.  Raises :class:`ValueError` for NaN and the like."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:
        # half a surrogate pair can only be written as an escape
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def id_of(line: bytes) -> str | None:
    """The ``custom_id`` of a line, if it has one."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = given.get("custom_id") if isinstance(given, dict) else None
    return found if isinstance(found, str) else None


def row_of(line: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """The id that was sent and the result, or ``None`` for what is no row."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    sent, result = row.get("custom_id"), row.get("result")
    if not isinstance(sent, str) or not isinstance(result, dict):
        return None
    return sent, result


def result_line(custom_id: str, result: Mapping[str, Any], endpoint: str, ended: int) -> bytes:
    """The row as OpenAI's result line; *ended* is when the batch did.

    A result of a kind that nobody knows is an error: it is no answer.
    """
    kind, message = result.get("type"), result.get("message")
    if isinstance(kind, str) and kind in UNANSWERED:
        return result_without_response(custom_id, NEVER_RUN[UNANSWERED[kind]][1])
    if kind == "succeeded" and isinstance(message, dict):
        body = message if endpoint == MESSAGES else completion_of(message, ended)
        return _answered(custom_id, 200, body, None)
    found = error_in(result.get("error")) or ("api_error", f"a result of type {kind!r}")
    code, text = found
    error = {"message": text, "type": code, "param": None, "code": code}
    told = result.get("error")
    request_id = told.get("request_id") if isinstance(told, Mapping) else None
    return _answered(custom_id, STATUSES.get(code, OVER), {"error": error}, request_id)


def _answered(custom_id: str, status: int, body: object, request_id: Any) -> bytes:
    response = {
        "status_code": status,
        "request_id": request_id if isinstance(request_id, str) else None,
        "body": body,
    }
    return packed({"id": None, "custom_id": custom_id, "response": response, "error": None})
