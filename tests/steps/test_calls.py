from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from batchyard.effects import Opened, Reply, Request
from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InputError,
    InternalServerError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from batchyard.steps import (
    call,
    failure_details,
    fetch,
    header,
    json_body,
    opened,
    parse,
    redacted,
    refusal,
)
from tests.drivers.faces import Face
from tests.drivers.site import Site, saying

ASKED = Request("GET", "https://acme.example/x", {"authorization": "Bearer sk-SECRET-0123456789"})


class Thing(BaseModel):
    id: str
    size: int = 0


def refused(
    status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> APIStatusError:
    return refusal(Reply(status, headers or {}, body), ASKED)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, BadRequestError, False),
        (400, BadRequestError, False),
        (401, AuthenticationError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (408, ConflictError, True),
        (409, ConflictError, True),
        (413, BadRequestError, False),
        (429, RateLimitError, True),
        (500, InternalServerError, True),
        (529, InternalServerError, True),
    ],
)
def test_a_status_has_its_error(status: int, kind: type[APIStatusError], retryable: bool) -> None:  # noqa: FBT001
    error = refused(status, b"why", {"x-request-id": "req_1"})
    assert type(error) is kind
    assert (error.status, error.retryable, error.request_id) == (status, retryable, "req_1")
    assert error.message == f"HTTP {status}: why"


@pytest.mark.parametrize("verdict", ["true", "false"])
@pytest.mark.parametrize("status", [400, 409, 429, 503])
def test_the_service_has_the_last_word_on_whether_to_try_again(status: int, verdict: str) -> None:
    assert refused(status, headers={"x-should-retry": verdict}).retryable is (verdict == "true")
    assert refused(status, headers={"x-should-retry": "perhaps"}).retryable is (status != 400)


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:30 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": DATE}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "7", "date": "whenever"}, 7.0),
    ],
)
def test_how_long_the_service_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert failure_details(Reply(429, headers, b"")).get("retry_after") == seconds
    assert refused(503, headers=headers).retry_after == seconds


def test_a_page_of_html_is_quoted_only_in_part() -> None:
    error = refused(502, b"<html>" + b"x" * 100_000 + b"</html>")
    assert error.message.startswith("HTTP 502: <html>xx")
    assert len(error.message) < 600


def test_a_body_that_is_no_text_is_quoted_as_far_as_it_goes() -> None:
    assert refused(500, b"\xff\xfe").message == "HTTP 500: \ufffd\ufffd"
    assert refused(500, b"  \n").message == "HTTP 500"


def test_credentials_are_struck_out_of_what_a_service_says() -> None:
    request = Request(
        "GET", "https://acme.example", {"Api-Key": "key-0123456789", "accept": "a/bcdef"}
    )
    assert redacted("no key-0123456789 for a/bcdef", request) == "no *** for a/bcdef"
    assert redacted("token sk-SECRET-0123456789", ASKED) == "token ***"


def test_an_accepted_reply_becomes_a_model(face: Face) -> None:
    with Site(saying(b'{"id": "t1", "size": 3, "new": true}', 201)) as site:
        assert face.run(fetch(Thing, Request("GET", site.url))) == Thing(id="t1", size=3)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"id": 3}', b'{"id": "\xff"}'])
def test_a_reply_of_another_shape_is_malformed(face: Face, body: bytes) -> None:
    answer = saying(body, 200, {"x-request-id": "req_1"})
    with Site(answer) as site, pytest.raises(MalformedReplyError, match="not a Thing") as caught:
        face.run(fetch(Thing, Request("GET", site.url)))
    assert (caught.value.status, caught.value.request_id) == (200, "req_1")
    assert caught.value.retryable


def test_what_a_malformed_reply_said_is_not_repeated() -> None:
    with pytest.raises(MalformedReplyError) as caught:
        parse(Thing, Reply(200, {}, b'{"id": "t1", "size": "sk-SECRET-0123456789"}'))
    assert "SECRET" not in str(caught.value)
    assert "size" in str(caught.value)


@pytest.mark.parametrize("status", [301, 404, 503])
def test_a_refusal_is_raised_whichever_way_the_reply_is_read(face: Face, status: int) -> None:
    with Site(saying(b"no", status)) as site:
        for plan in (call(Request("GET", site.url)), opened(Request("GET", site.url))):
            with pytest.raises(APIStatusError) as caught:
                face.run(plan)
            assert caught.value.message == f"HTTP {status}: no"
    # redirects are not followed: the key would go along
    assert len(site.requests) == 2


def test_of_a_refused_stream_no_more_than_its_beginning_is_read(face: Face) -> None:
    with Site(saying(b"e" * 5_000_000, 500)) as site, pytest.raises(InternalServerError):
        face.run(opened(Request("GET", site.url)))


def test_a_documented_header_that_is_missing_is_malformed() -> None:
    reply = Opened(200, {"location": "there"}, None)
    assert header(reply, "location") == "there"
    with pytest.raises(MalformedReplyError, match="no etag header"):
        header(reply, "etag")


def test_json_is_written_short_and_in_utf8() -> None:
    assert json_body({"a": [1, "ü"], "b": None}) == '{"a":[1,"ü"],"b":null}'.encode()


@pytest.mark.parametrize("value", [{"a": {1, 2}}, float("nan"), "\ud800", {"a": object()}])
def test_what_json_cannot_say_is_a_wrong_input(value: Any) -> None:
    with pytest.raises(InputError, match="JSON"):
        json_body(value)
