"""Replies that refuse, as the service's documentation has them, and the errors they become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batchyard.effects import Reply, Request
from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
)
from batchyard_azure._errors import refusal

REQUEST = Request("POST", "https://x.openai.azure.com/openai/v1/batches", {"api-key": "k" * 30})


def refused(status: int, document: Any, **headers: str) -> APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(Reply(status, named, json.dumps(document).encode()), REQUEST)


def inner(*codes: str, message: str = "No.") -> dict[str, Any]:
    error: dict[str, Any] = {}
    for code in reversed(codes):
        error = {"code": code, **({"innererror": error} if error else {})}
    return {"error": {**error, "message": message}}


@pytest.mark.parametrize(
    ("status", "document", "kind", "code", "message"),
    [
        (400, inner("invalidPayload"), BadRequestError, "invalidPayload", "No."),
        (401, {"statusCode": 401, "message": "Unauthorized."}, AuthenticationError, None, "Unauth"),
        (401, inner("401"), AuthenticationError, "401", "No."),
        (403, {"error": {"code": 403, "message": "A"}}, PermissionDeniedError, "403", "A"),
        (404, inner("404", message="Resource not found"), NotFoundError, "404", "Resource"),
        (409, inner("conflict"), ConflictError, "conflict", "No."),
        (409, inner("unexpectedEntityState"), BadRequestError, "unexpectedEntityState", "No."),
        (429, inner("tooManyRequests"), RateLimitError, "tooManyRequests", "No."),
        (431, {}, BadRequestError, None, "HTTP 431"),
        (503, inner("serviceUnavailable"), InternalServerError, "serviceUnavailable", "No."),
        (500, inner("unexpectedEntityState"), InternalServerError, "unexpectedEntityState", "No."),
    ],
)
def test_every_envelope_is_read(
    status: int, document: Any, kind: type[APIStatusError], code: str | None, message: str
) -> None:
    error = refused(status, document, apim_request_id="r-1")
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, code, "r-1")
    assert message in str(error)


@pytest.mark.parametrize("status", [400, 403, 429])
@pytest.mark.parametrize("codes", [("quotaExceeded",), ("BadRequest", "QuotaExceeded")])
def test_a_full_quota_is_not_retryable_whatever_the_status(
    status: int, codes: tuple[str, ...]
) -> None:
    error = refused(status, inner(*codes), retry_after="1")
    assert isinstance(error, QuotaExceededError)
    assert not error.retryable
    assert "expires_after" in str(error)


@pytest.mark.parametrize(
    "document",
    [inner("token_limit_exceeded"), inner("BadRequest", message="Error: token_limit_exceeded")],
)
def test_a_full_queue_is_retryable_although_it_is_a_400(document: Any) -> None:
    error = refused(400, document)
    assert isinstance(error, RateLimitError)
    assert (error.retryable, error.status) == (True, 400)


@pytest.mark.parametrize(
    ("message", "headers", "seconds"),
    [
        ("Please retry after 86400 seconds.", {}, 86400),
        ("Please retry after 1 second.", {}, 1),
        ("Please retry after 250 milliseconds.", {}, 0.25),
        ("Please retry after 9 seconds.", {"retry_after": "3"}, 3),
        ("Please retry after 9 seconds.", {"retry_after_ms": "1500", "retry_after": "3"}, 1.5),
        ("Slow down.", {}, None),
    ],
)
def test_how_long_to_wait_is_in_the_headers_or_in_the_message(
    message: str, headers: dict[str, str], seconds: float | None
) -> None:
    error = refused(429, inner("429", message=message), **headers)
    assert (error.retry_after, error.retryable) == (seconds, True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b'{"error": []}', b"[" * 99_999])
def test_a_body_that_is_no_envelope_is_no_crash(body: bytes) -> None:
    assert isinstance(refusal(Reply(400, {}, body), REQUEST), BadRequestError)


def test_a_key_that_is_echoed_is_not_repeated() -> None:
    error = refused(400, inner("quotaExceeded", message=f"key {'k' * 30} is over its quota"))
    assert "kkkk" not in str(error)
