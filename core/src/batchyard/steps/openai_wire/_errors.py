"""OpenAI's error envelope."""

from __future__ import annotations

import json
from typing import Any

from batchyard.effects import Reply, Request
from batchyard.errors import APIStatusError, QuotaExceededError, status_error
from batchyard.steps._calls import failure_details, redacted, refusal

__all__ = ["wire_refusal"]

EXHAUSTED = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)
"""Types and codes of a 429 that waiting does not mend (OpenAI API reference, error codes)."""


def wire_refusal(reply: Reply, request: Request) -> APIStatusError:
    """The error that a refused reply stands for; its body may as well be a proxy's HTML page."""
    fields = _fields(reply.body)
    if not fields:
        return refusal(reply, request)
    details = failure_details(reply)
    clean = {name: redacted(_text(value), request) or None for name, value in fields.items()}
    details["code"] = clean.get("code")
    details["type"] = clean.get("type")
    details["param"] = clean.get("param")
    message = clean.get("message") or f"HTTP {reply.status}"
    if reply.status == 429 and EXHAUSTED & {details["code"], details["type"]}:
        details["retryable"] = False
        return QuotaExceededError(message, **details)
    return status_error(message, **details)


def _fields(body: bytes) -> dict[str, Any]:
    """The members of ``error``, whichever of the envelopes in use it came in."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(envelope, dict):
        return {}
    error = envelope.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    return envelope if isinstance(envelope.get("message"), str) else {}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""
