"""What the service's refusals mean."""

from __future__ import annotations

import json
import re
from typing import Any

from batchyard.effects import Reply, Request
from batchyard.errors import (
    APIStatusError,
    BadRequestError,
    Details,
    QuotaExceededError,
    RateLimitError,
)
from batchyard.steps import openai_wire

__all__ = ["not_ready", "refusal"]

QUOTA_ADVICE = (
    "Delete files that are not needed any more, or upload with expires_after: "
    "500 files without an expiry may be kept, and 10,000 that have one. `batchyard files list` "
    'shows them; a ledger deletes its own with staged_inputs = "delete".'
)
HEADERS_ADVICE = "The service takes ten headers of one's own; send fewer extra_headers."
_NOT_READY = "unexpectedentitystate"
_DEPTH = 5
"""Errors within errors that are looked at."""

_WAIT = re.compile(r"retry after (\d+) (milli)?seconds?", re.IGNORECASE)


def refusal(reply: Reply, request: Request) -> APIStatusError:
    """The error that a refused reply stands for.

    There are three envelopes: the service's and the model's own, which differ in
    their fields, and a gateway's with ``statusCode`` and ``message`` alone.  What
    they mean is in their codes, more than in the status (Azure OpenAI authoring
    API, error codes; how-to, batch).
    """
    error = openai_wire.wire_refusal(reply, request)
    error.request_id = error.request_id or reply.headers.get("apim-request-id")
    codes = _codes(reply.body)
    if reply.status == 400 and ("token_limit_exceeded" in codes or _full(error)):
        # the queue is full for now, which regions that fail fast say at once
        return RateLimitError(error.message, **_details(error, retryable=True))
    if "quotaexceeded" in codes:
        return QuotaExceededError(
            f"{error.message} {QUOTA_ADVICE}", **_details(error, retryable=False)
        )
    if reply.status == 431:
        return BadRequestError(
            f"{error.message} {HEADERS_ADVICE}", **_details(error, retryable=False)
        )
    if _NOT_READY in codes and reply.status < 500:
        # no conflict: the service says that it did nothing, and there is nothing to look for
        return BadRequestError(error.message, **_details(error, retryable=False))
    if error.retry_after is None and isinstance(error, RateLimitError):
        error.retry_after = _asked(error.message)
    return error


def not_ready(error: APIStatusError) -> bool:
    """Whether a create was refused because its file is not processed yet."""
    return (error.code or "").lower() == _NOT_READY


def _full(error: APIStatusError) -> bool:
    return "token_limit_exceeded" in error.message


def _details(error: APIStatusError, *, retryable: bool) -> Details:
    return Details(
        status=error.status,
        request_id=error.request_id,
        code=error.code,
        param=error.param,
        retry_after=error.retry_after,
        retryable=retryable,
    )


def _codes(body: bytes) -> set[str]:
    """The error's code and those of the errors within it, in lower case."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    found: set[str] = set()
    error: Any = envelope.get("error") if isinstance(envelope, dict) else None
    for _ in range(_DEPTH):
        if not isinstance(error, dict):
            break
        if isinstance(code := error.get("code"), str):
            found.add(code.lower())
        error = error.get("innererror")
    return found


def _asked(message: str) -> float | None:
    """The seconds to wait, of a message that has no header beside it."""
    found = _WAIT.search(message)
    if found is None:
        return None
    return int(found[1][:9]) / (1000 if found[2] else 1)
