"""Google's error envelopes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from batchyard.effects import Reply, Request
from batchyard.errors import APIStatusError, status_error
from batchyard.steps import failure_details, redacted, refusal

__all__ = ["google_refusal"]

_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


def google_refusal(reply: Reply, request: Request) -> APIStatusError:
    """The error that a refused reply stands for; it may as well be a proxy's HTML page.

    JSON APIs answer with ``{"error": {code, message, status, details}}``, and the
    token endpoint with ``{"error", "error_description"}``.
    """
    try:
        envelope = json.loads(reply.body)
    except (ValueError, RecursionError):
        return refusal(reply, request)
    error = envelope.get("error") if isinstance(envelope, dict) else None
    details = failure_details(reply)
    if isinstance(error, str):
        details["code"] = redacted(error, request)
        message = _text(envelope.get("error_description")) or error
    elif isinstance(error, dict):
        details["code"] = redacted(_code(error), request) or None
        wait = _retry_delay(error.get("details"))
        if wait is not None:
            details.setdefault("retry_after", wait)
        message = _text(error.get("message")) or f"HTTP {reply.status}"
    else:
        return refusal(reply, request)
    return status_error(redacted(message, request), **details)


def _code(error: Mapping[str, Any]) -> str:
    """What says most: ``SERVICE_DISABLED`` in the details, ``PERMISSION_DENIED``, ``notFound``."""
    for one in _mappings(error.get("details")):
        if _text(one.get("@type")).endswith("/google.rpc.ErrorInfo") and _text(one.get("reason")):
            return _text(one.get("reason"))
    status = _text(error.get("status"))
    if status:
        return status
    reasons = error.get("errors")
    first = reasons[0] if isinstance(reasons, list) and reasons else None
    return _text(first.get("reason")) if isinstance(first, dict) else ""


def _retry_delay(details: Any) -> float | None:
    for one in _mappings(details):
        delay = one.get("retryDelay")
        found = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
        if found:
            return float(found[1])
    return None


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
