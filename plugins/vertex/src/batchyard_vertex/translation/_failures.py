"""Rows that failed: the text in their status, as what the endpoint would have answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

__all__ = ["error_body", "failure_of", "refusal", "spent"]

_PHRASES = {status.phrase.lower(): int(status) for status in HTTPStatus}
_PREFIX = re.compile(r"([A-Za-z][A-Za-z' -]{2,40}):")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_NAMES = {
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "CANCELLED": 499,
    "DEADLINE_EXCEEDED": 504,
    "FAILED_PRECONDITION": 400,
    "INTERNAL": 500,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "OUT_OF_RANGE": 400,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "UNAUTHENTICATED": 401,
    "UNAVAILABLE": 503,
    "UNIMPLEMENTED": 501,
}
"""HTTP's codes for Google's (google.rpc.Code)."""


def failure_of(status: str) -> dict[str, Any]:
    """``Bad Request: {"error": {…}}``, or a text of any kind."""
    prefix = _PREFIX.match(status)
    http = _PHRASES.get(prefix[1].lower(), 0) if prefix else 0
    http = http or next((code for name, code in _NAMES.items() if name in status[:200]), 500)
    try:
        error = json.loads(status[status.index("{") :])["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return refusal(http, error_body(http, status))
    number, name = error.get("code"), error.get("status")
    known = isinstance(name, str) and name in _NAMES
    if type(number) is int and 400 <= number < 600:
        http = number
    elif known:
        http = _NAMES[name]
    return refusal(http, error_body(http, message, name if isinstance(name, str) else None))


def refusal(status: int, error: Mapping[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": "", "body": {"error": error}}


def spent(response: dict[str, Any], used: Mapping[str, Any] | None) -> dict[str, Any]:
    """The refusal, with the model and the tokens that were paid for beside its error."""
    if not used:
        return response
    return {**response, "body": {**response["body"], **used}}


def error_body(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    usual = "server_error" if status >= 500 else "invalid_request_error"
    return {
        "message": message,
        "type": _TYPES.get(status, usual),
        "param": None,
        "code": code,
    }
