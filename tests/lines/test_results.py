from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from batchyard.lines import ResultError, decode_result, outcome_of


def line(**fields: Any) -> bytes:
    return json.dumps({"id": "batch_req_1", "custom_id": "a", **fields}).encode()


def answered(status: Any, body: Any) -> bytes:
    return line(response={"status_code": status, "request_id": "r", "body": body}, error=None)


def test_a_good_line() -> None:
    result = decode_result(answered(200, {"usage": {"total_tokens": 3}}))
    assert (result.custom_id, result.id, result.status_code) == ("a", "batch_req_1", 200)
    assert result.response is not None
    assert result.response.request_id == "r"
    assert result.body == {"usage": {"total_tokens": 3}}
    assert result.error is None
    assert result.failure is None
    assert outcome_of(result) == "ok"


def test_a_line_without_an_id_and_with_unknown_fields_is_read() -> None:
    result = decode_result(
        b'{"custom_id":"a","x":[1],"response":{"body":{"y":1},"z":2,"status_code":201},"error":null}'
    )
    assert (result.id, result.status_code, result.body) == (None, 201, {"y": 1})
    assert outcome_of(result) == "ok"


@pytest.mark.parametrize(
    ("data", "failure", "outcome"),
    [
        (
            answered(400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}}),
            ResultError("context_length_exceeded", "Too long.", 400),
            "error",
        ),
        (
            answered(500, {"error": {"message": "Oh.", "type": "server_error", "code": None}}),
            ResultError("server_error", "Oh.", 500),
            "error",
        ),
        (
            answered(400, {"error": {"message": "Filtered.", "code": "content_filter"}}),
            ResultError("content_filter", "Filtered.", 400),
            "blocked",
        ),
        (
            answered(400, {"error": {"message": "Flagged.", "code": "invalid_prompt"}}),
            ResultError("invalid_prompt", "Flagged.", 400),
            "blocked",
        ),
        (
            answered(400, {"error": {"message": "No.", "code": "moderation_blocked"}}),
            ResultError("moderation_blocked", "No.", 400),
            "blocked",
        ),
        (
            line(response=None, error={"code": "batch_expired", "message": "Late."}),
            ResultError("batch_expired", "Late.", 0),
            "expired",
        ),
        (
            line(response=None, error={"code": "batch_cancelled", "message": "Stopped."}),
            ResultError("batch_cancelled", "Stopped.", 0),
            "cancelled",
        ),
        (line(error="out of memory"), ResultError(None, "out of memory", 0), "error"),
        (
            answered(400, {"object": "error", "message": "Bare.", "code": 400}),
            ResultError("400", "Bare.", 400),
            "error",
        ),
        (
            answered(503, "<html>"),
            ResultError(None, "The provider answered with status 503 alone.", 503),
            "error",
        ),
        (
            answered(429, {"error": {"code": ["odd"]}}),
            ResultError("['odd']", "The provider gave no message (status 429).", 429),
            "error",
        ),
    ],
)
def test_why_a_line_failed_and_what_became_of_it(
    data: bytes, failure: ResultError, outcome: str
) -> None:
    result = decode_result(data)
    assert result.failure == failure
    assert outcome_of(result) == outcome


@pytest.mark.parametrize(
    "data", [line(response=None, error=None), line(), answered(0, None), answered(None, "")]
)
def test_a_line_that_says_nothing_has_failed(data: bytes) -> None:
    result = decode_result(data)
    assert result.failure is not None
    assert (result.failure.code, result.failure.status) == ("no_response", 0)
    assert outcome_of(result) == "error"


def test_a_success_with_an_error_on_the_line_has_failed() -> None:
    result = decode_result(line(response={"status_code": 200, "body": {}}, error={"code": "x"}))
    assert result.failure is not None
    assert outcome_of(result) == "error"


@pytest.mark.parametrize("status", ["", "OK", None, True, [], {}, 1e300, -1.5, "²²²"])
def test_an_odd_status_is_none(status: Any) -> None:
    assert decode_result(answered(status, {"a": 1})).status_code == 0


@pytest.mark.parametrize("status", ["200", 200.0])
def test_a_status_that_is_a_number_in_disguise_is_that_number(status: Any) -> None:
    assert outcome_of(decode_result(answered(status, {}))) == "ok"


@pytest.mark.parametrize("odd", [0, 1, True, "", "x", [], [1], {}, {"a": 1}, 1e99, None])
@pytest.mark.parametrize("field", ["id", "response", "error"])
def test_odd_fields_do_not_lose_the_line(field: str, odd: Any) -> None:
    result = decode_result(line(**{field: odd}))
    assert result.custom_id == "a"
    assert outcome_of(result) == "error"


@pytest.mark.parametrize("body", ['"\\ud83d"', "NaN", "-Infinity", "1" * 5000, "1e999"])
def test_json_that_only_python_writes_is_read(body: str) -> None:
    before, after = '{"custom_id":"a","response":{"status_code":200,"body":{"x":', "}}}"
    result = decode_result((before + body + after).encode())
    assert outcome_of(result) == "ok"
    assert list(result.body) == ["x"]


def test_half_a_surrogate_pair_in_a_custom_id_is_kept() -> None:
    assert decode_result(b'{"custom_id":"\\ud83d"}').custom_id == "\ud83d"


def test_bytes_that_are_not_utf8_in_a_body_cost_a_character() -> None:
    result = decode_result(b'{"custom_id":"a","response":{"status_code":200,"body":{"x":"\xff"}}}')
    assert result.body == {"x": "\ufffd"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"3",
        b'"a"',
        b"{",
        b'{"custom_id":"a"',
        b'{"id":"a"}',
        b'{"custom_id":null}',
        b'{"custom_id":1}',
        b'{"custom_id":"\xff"}',
        b'{"custom_id":"a","error":' + b"[" * 100_000,
        b'{"custom_id":"a","error":"\x00"}',
    ],
)
def test_a_line_that_names_no_request_is_malformed(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_result(data)


def test_a_failure_whose_reason_cannot_be_read_is_still_a_failure() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    response = msgspec.Raw(b'{"error":' + deep + b"}")
    result = decode_result(answered(500, {}))
    assert result.response is not None
    broken = msgspec.structs.replace(
        result, response=msgspec.structs.replace(result.response, body_json=response)
    )
    assert broken.failure is not None
    assert broken.failure.status == 500
