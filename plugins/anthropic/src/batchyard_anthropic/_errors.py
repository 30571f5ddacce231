"""What Anthropic says when it refuses (API reference, errors)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from batchyard.effects import Reply, Request
from batchyard.errors import APIStatusError, QuotaExceededError, status_error
from batchyard.steps import failure_details, redacted, refusal

__all__ = ["STATUSES", "error_in", "refuse"]

STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""HTTP statuses by the type of an error, which is all that a result has."""


def error_in(document: Any) -> tuple[str, str] | None:
    """Type and message of an error document, in its envelope or without."""
    for _ in range(2):
        if not isinstance(document, Mapping):
            return None
        kind, message = document.get("type"), document.get("message")
        if isinstance(message, str):
            return str(kind or "api_error"), message
        document = document.get("error")
    return None


def refuse(reply: Reply, request: Request) -> APIStatusError:
    """The error for a refused reply; a proxy's page has none of Anthropic's to read."""
    try:
        found = error_in(json.loads(reply.body))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        return refusal(reply, request)
    details = failure_details(reply)
    details["request_id"] = reply.headers.get("request-id") or details.get("request_id")
    kind, message = found
    details["type"] = details["code"] = redacted(kind, request)
    text = redacted(message, request)
    if reply.status == 402:
        # money: to ask again does not help
        return QuotaExceededError(text, **details)
    return status_error(text, **details)
