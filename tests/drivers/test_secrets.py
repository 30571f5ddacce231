"""No credential is in what may be shown: errors, tracebacks, reprs, log records."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping

import httpx
import pytest

from batchyard.drivers import Transport
from batchyard.effects import Request, Send
from batchyard.errors import BatchyardError, InputError
from batchyard.steps import call
from tests.drivers.certificates import Certificate
from tests.drivers.faces import Face, OpenFace
from tests.drivers.site import Exchange, Site, saying

SECRET = "sk-SECRET-0123456789"


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """All that is logged, at the most talkative level."""
    shown: list[str] = []

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(self.format(record))

    handler = Everything()
    root = logging.getLogger()
    root.addHandler(handler)
    caplog.set_level(logging.DEBUG)
    yield shown
    root.removeHandler(handler)


async def send(url: str, headers: Mapping[str, str]) -> None:
    await Send(Request("POST", url, headers, b"{}"))


async def checked(url: str, headers: Mapping[str, str]) -> None:
    await call(Request("POST", url, headers, b"{}"))


def shown(error: BaseException) -> str:
    return f"{error!r} {error} {''.join(traceback.format_exception(error))}"


@pytest.mark.parametrize(
    "value",
    [f"Bearer {SECRET}\n", f"Bearer {SECRET}\r\nx: y", f"{SECRET}é", f"{SECRET}\x00", f" {SECRET}"],
)
def test_a_header_that_http_does_not_allow_is_refused_without_being_shown(
    face: Face, records: list[str], value: str
) -> None:
    with Site(saying(b"")) as site, pytest.raises(InputError, match="authorization") as caught:
        face.run(send(site.url, {"Authorization": value}))
    assert SECRET not in shown(caught.value)
    assert SECRET not in "".join(records)
    assert site.requests == []


def test_a_headers_name_that_http_does_not_allow_is_not_shown_either(
    face: Face, records: list[str]
) -> None:
    with Site(saying(b"")) as site, pytest.raises(InputError) as caught:
        face.run(send(site.url, {f"{SECRET}: ": "x"}))
    assert SECRET not in shown(caught.value) + "".join(records)


@pytest.mark.parametrize("padding", [0, 470, 485, 495])
def test_a_key_that_the_server_echoes_is_not_repeated(
    face: Face, records: list[str], padding: int
) -> None:
    async def echo(exchange: Exchange) -> None:
        sent = exchange.seen.headers["authorization"]
        await exchange.reply(401, b"." * padding + f"bad: {sent}".encode())

    with Site(echo) as site, pytest.raises(BatchyardError) as caught:
        face.run(checked(site.url, {"authorization": f"Bearer {SECRET}"}))
    assert SECRET[:10] not in shown(caught.value) + "".join(records)


def test_logs_show_neither_the_query_nor_the_headers_of_either_side(
    face: Face, records: list[str]
) -> None:
    session = {"location": f"https://upload.example/?session={SECRET}", "set-cookie": SECRET}
    with Site(saying(b"", 200, session)) as site:
        face.run(send(f"{site.url}/path?signature={SECRET}", {"authorization": SECRET}))
    assert SECRET not in "".join(records)
    # and yet they say what happened
    assert any(f"POST {site.url}/path 200" in record for record in records)


def test_what_others_do_with_the_same_http_library_is_still_logged(
    face: Face, records: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    # whatever a library that another test has used has made of it
    caplog.set_level(logging.DEBUG, "httpx")
    with Site(saying(b"")) as site:
        face.run(send(site.url, {}))
        assert not any("HTTP Request" in record for record in records)
        httpx.get(f"{site.url}/theirs")
    assert any("HTTP Request" in record and "/theirs" in record for record in records)


@pytest.mark.parametrize(
    "url",
    ["http://user:{}@127.0.0.1:9", "http://user:{}/x@127.0.0.1:9", "gopher://user:{}@h", "{}"],
)
def test_a_proxys_password_is_not_shown(
    open_face: OpenFace, records: list[str], url: str, certificate: Certificate
) -> None:
    transport = Transport(proxy=url.format(SECRET), ca_bundle=str(certificate.pem))
    for target in ("http://127.0.0.1:9", "https://127.0.0.1:9"):
        with pytest.raises(BatchyardError) as caught:
            open_face(transport).run(send(target, {}))
        assert SECRET not in shown(caught.value) + "".join(records)


def test_requests_show_neither_headers_nor_body_nor_query() -> None:
    request = Request("GET", f"https://h/p?sig={SECRET}", {"api-key": SECRET}, SECRET.encode())
    assert repr(request) == "Request(GET https://h/p)"
    assert SECRET not in repr(Send(request))
