"""Errors as OpenAI's clients know them."""

from __future__ import annotations

import logging
import math

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from batchyard.errors import (
    APIStatusError,
    BatchyardError,
    ConfigError,
    InputError,
    LedgerUnavailableError,
    PluginError,
    UnknownPluginError,
)
from batchyard.ledger.store import StoreError

__all__ = ["answer_to"]

log = logging.getLogger("batchyard.gateway")

RETRY_AFTER = 5
"""Seconds after which a caller may try again where nobody knows when it will work."""

_OF_HTTP = {
    404: "Invalid URL",
    405: "Not allowed to {method} on this URL",
}


def answer_to(error: Exception, *, method: str, path: str, request_id: str) -> Response:
    """The reply to a request that failed; what is nobody's fault but ours is logged."""
    if isinstance(error, HTTPException):
        said = _OF_HTTP.get(error.status_code, str(error.detail)).format(method=method)
        if error.status_code in _OF_HTTP:
            said = f"{said} ({method} {path})"
        known: BatchyardError = InputError(said, status=error.status_code)
        return _reply(known, error.status_code, dict(error.headers or {}))
    if isinstance(error, LedgerUnavailableError | StoreError):
        log.error("request %s: %s", request_id, error)
        away = BatchyardError(
            "The gateway cannot reach its own records just now. Try again.",
            type="server_error",
            code="unavailable",
        )
        return _reply(away, 503, {"retry-after": str(RETRY_AFTER)})
    if isinstance(error, ConfigError | PluginError) and not isinstance(error, UnknownPluginError):
        # how the gateway is set up is its operator's affair, and nobody else's to read
        log.error("request %s: %s", request_id, error)
        broken = BatchyardError(
            "The gateway is not set up for this. Its log says more.", code="misconfigured"
        )
        return _reply(broken, 500, {})
    if isinstance(error, BatchyardError):
        return _reply(error, _status(error), _retry(error))
    log.error("request %s failed", request_id, exc_info=error)
    failed = BatchyardError("The gateway failed. Its log says more.", type="server_error")
    return _reply(failed, 500, {})


def _status(error: BatchyardError) -> int:
    if isinstance(error, InputError | APIStatusError) and error.status is not None:
        return error.status
    return error.status_hint


def _retry(error: BatchyardError) -> dict[str, str]:
    after = error.retry_after
    return {} if after is None else {"retry-after": str(math.ceil(after))}


def _reply(error: BatchyardError, status: int, headers: dict[str, str]) -> Response:
    return JSONResponse(error.body, status, headers)
