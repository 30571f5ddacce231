"""Objects as some versions of the service write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from batchyard.emulators import Quirks
from batchyard.emulators.openai_wire import ApiError

__all__ = ["HARMLESS", "NO_CREDENTIALS", "blocked", "envelope", "oddly", "problems_as_text"]

NO_CREDENTIALS = "no_credentials"

_CODES = frozenset(
    {
        *("conflict", "invalidPayload", "forbidden", "notFound", "unexpectedEntityState"),
        *("itemDoesAlreadyExist", "serviceUnavailable", "internalFailure", "quotaExceeded"),
        *("jsonlValidationFailed", "fileImportFailed", "tooManyRequests", "unauthorized"),
        *("contentFilter", "token_limit_exceeded", "401", "404", "429", "431"),
    }
)
"""What an error's code may be; others are for a status' usual one."""

_CODE_OF_STATUS = {
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    429: "429",
    500: "internalFailure",
    503: "serviceUnavailable",
}
_SAFE = {"filtered": False, "severity": "safe"}
HARMLESS = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), _SAFE)
_FILTERED = {**HARMLESS, "violence": {"filtered": True, "severity": "medium"}}


def envelope(error: ApiError) -> dict[str, Any]:
    """An error in the one of three envelopes that is for it."""
    if error.code == NO_CREDENTIALS:
        return {"statusCode": error.status, "message": error.message}
    if error.code == "unknown_url":
        return {"error": {"code": "404", "message": "Resource not found"}}
    if error.code == "content_filter":
        return blocked(error)
    usual = _CODE_OF_STATUS.get(error.status, "invalidPayload")
    code = error.code if error.code in _CODES else usual
    return {"error": {"code": code, "message": error.message}}


def blocked(error: ApiError) -> dict[str, Any]:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _FILTERED}
    return {
        "error": {
            "message": error.message,
            "type": None,
            "param": error.param,
            "code": error.code,
            "status": error.status,
            "innererror": inner,
        }
    }


def oddly(shown: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """An object with its status and its times as some versions write them."""
    made = dict(shown)
    if "capitalised-statuses" in quirks:
        made["status"] = "".join(word.capitalize() for word in made["status"].split("_"))
    if "iso-timestamps" in quirks:
        times = {name: value for name, value in made.items() if name.endswith("_at") and value}
        made |= {name: _iso(value) for name, value in times.items()}
    return made


def problems_as_text(errors: dict[str, Any]) -> dict[str, Any]:
    data = [{**one, "line": one["line"] and str(one["line"])} for one in errors["data"]]
    return {**errors, "data": data}


def _iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.2491382+00:00"
