"""Errors as OpenAI's clients know them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    BatchyardError,
    ConfigError,
    InputError,
    LedgerUnavailableError,
    PluginError,
    UnknownPluginError,
)
from batchyard.ledger.database import UNUSABLE
from batchyard.ledger.store import StoreError

__all__ = ["answer_to", "refusal"]

log = logging.getLogger("batchyard.gateway")

RETRY_AFTER = 5
"""Seconds after which a caller may try again where nobody knows when it will work."""

SHOWN = 200
"""Characters of a path that are said again."""

_OF_HTTP = {
    404: "Invalid URL ({method} {path})",
    405: "Not allowed to {method} on this URL ({method} {path})",
}


def answer_to(error: Exception, *, method: str, path: str, request_id: str) -> Response:
    """The reply to a request that failed; what is nobody's fault but ours is logged."""
    if isinstance(error, HTTPException):
        known = _OF_HTTP.get(error.status_code)
        said = known.format(method=method, path=path[:SHOWN]) if known else str(error.detail)
        return refusal(InputError(said, status=error.status_code), error.headers)
    if _is_ours(error):
        log.error("request %s: %s", request_id, error)
        away = BatchyardError(
            "The gateway cannot reach its own records just now. Try again.",
            type="server_error",
            code="unavailable",
        )
        return _reply(away, 503, {"retry-after": str(RETRY_AFTER)})
    if isinstance(error, AuthenticationError):
        return refusal(error, {"www-authenticate": "Bearer"})
    if isinstance(error, ConfigError | PluginError) and not isinstance(error, UnknownPluginError):
        # how the gateway is set up is its operator's affair, and nobody else's to read
        log.error("request %s: %s", request_id, error)
        broken = BatchyardError(
            "The gateway is not set up for this. Its log says more.", code="misconfigured"
        )
        return _reply(broken, 500, {})
    if isinstance(error, BatchyardError):
        return refusal(error)
    log.error("request %s failed", request_id, exc_info=error)
    failed = BatchyardError("The gateway failed. Its log says more.", type="server_error")
    return _reply(failed, 500, {})


def refusal(error: BatchyardError, headers: Mapping[str, str] | None = None) -> Response:
    """What is wrong with a request, as its caller is told."""
    status = _status(error)
    # who is too slow is not waited for any longer
    ended = {"connection": "close"} if status == 408 else {}
    return _reply(error, status, {**_retry(error), **ended, **(headers or {})})


def _is_ours(error: Exception) -> bool:
    """Whether it is the ledger or the store that cannot be used: callers come again."""
    gone = isinstance(error, ConfigError) and error.code == UNUSABLE
    return gone or isinstance(error, LedgerUnavailableError | StoreError)


def _status(error: BatchyardError) -> int:
    if isinstance(error, InputError | APIStatusError) and error.status is not None:
        return error.status
    return error.status_hint


def _retry(error: BatchyardError) -> dict[str, str]:
    after = error.retry_after
    return {} if after is None else {"retry-after": str(math.ceil(after))}


def _reply(error: BatchyardError, status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse(error.body, status, headers)
