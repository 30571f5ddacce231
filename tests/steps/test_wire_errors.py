"""OpenAI's error envelope, and what comes in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from batchyard.effects import Reply, Request
from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    InternalServerError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
)
from batchyard.models import Ref
from batchyard.steps.openai_wire import retrieve_file, wire_refusal
from tests.drivers.faces import OpenFace
from tests.drivers.site import Site
from tests.steps.service import CALL, KEY, patient, refusal, wire

ASKED = Request("GET", "https://acme.example/v1/x", {"authorization": f"Bearer {KEY}"})


def refused(status: int, body: Any, headers: Mapping[str, str] | None = None) -> APIStatusError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire_refusal(Reply(status, headers or {}, data), ASKED)


def test_the_envelope_fills_the_error() -> None:
    fields = {"message": "No file.", "type": "invalid_request_error", "param": "id", "code": "nf"}
    error = refused(404, {"error": fields}, {"x-request-id": "req_1"})
    assert isinstance(error, NotFoundError)
    assert error.body == {"error": fields}
    assert (error.status, error.request_id) == (404, "req_1")


def test_half_a_surrogate_pair_reaches_no_log_and_no_terminal() -> None:
    half = "\ud83d"
    error = refused(400, {"error": {"message": f"no {half}é", "code": half, "param": half}})
    for text in (str(error), error.message, error.code, error.param):
        assert text
        text.encode()
    assert error.message == "no ?é"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "why"}},
        {"error": {"message": "why", "type": None, "code": None, "param": {"x": 1}}},
        {"error": "why"},
        {"message": "why", "code": 404},
    ],
)
def test_the_envelopes_in_use_are_all_understood(body: Any) -> None:
    assert refused(404, body).message == "why"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>404 Not Found</body></html>",
        b"[]",
        b"null",
        b'"error"',
        b"{}",
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": {}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_envelope_is_still_an_error(body: bytes) -> None:
    error = refused(404, body)
    assert isinstance(error, NotFoundError)
    assert error.message.startswith("HTTP 404")
    assert len(error.message) < 600


EXHAUSTED = [
    ("insufficient_quota", "credit_balance_exhausted"),
    ("insufficient_quota", "organization_spend_limit_exceeded"),
    ("insufficient_quota", "project_spend_limit_exceeded"),
    ("insufficient_quota", "organization_usage_limit_exceeded"),
    ("insufficient_quota", "insufficient_quota"),
    ("insufficient_quota", None),
    (None, "insufficient_quota"),
    ("requests", "project_spend_limit_exceeded"),
]


@pytest.mark.parametrize(("kind", "code"), EXHAUSTED)
@pytest.mark.parametrize("verdict", [None, "true"])
def test_money_that_has_run_out_does_not_come_back_by_waiting(
    kind: str | None, code: str | None, verdict: str | None
) -> None:
    headers = {"retry-after": "1", **({"x-should-retry": verdict} if verdict else {})}
    error = refused(429, {"error": {"message": "broke", "type": kind, "code": code}}, headers)
    assert isinstance(error, QuotaExceededError)
    assert not error.retryable


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("rate_limit_error", "rate_limit_exceeded"),
        ("requests", "rate_limit_exceeded"),
        ("tokens", "slow_down"),
        (None, None),
    ],
)
def test_too_much_at_once_is_worth_another_try(kind: str | None, code: str | None) -> None:
    headers = {"retry-after": "2"}
    error = refused(429, {"error": {"message": "slow", "type": kind, "code": code}}, headers)
    assert isinstance(error, RateLimitError)
    assert (error.retryable, error.retry_after) == (True, 2.0)


@pytest.mark.parametrize(("kind", "code"), EXHAUSTED)
def test_an_account_without_money_is_asked_once(
    open_face: OpenFace, kind: str | None, code: str | None
) -> None:
    with Site(refusal(429, "broke", type=kind, code=code)) as site:
        with pytest.raises(QuotaExceededError):
            patient(open_face).run(retrieve_file(wire(site), CALL, Ref("file-1")))
        assert len(site.requests) == 1


def test_a_limit_of_another_status_is_no_quota() -> None:
    error = refused(503, {"error": {"message": "x", "code": "insufficient_quota"}})
    assert isinstance(error, InternalServerError)
    assert error.retryable


@pytest.mark.parametrize("field", ["message", "code", "type", "param"])
def test_an_echoed_key_is_struck_out_wherever_it_is(field: str) -> None:
    error = refused(401, {"error": {"message": "bad key", field: f"Incorrect key: {KEY}"}})
    assert isinstance(error, AuthenticationError)
    assert KEY not in json.dumps(error.body)
    assert "***" in json.dumps(error.body)
