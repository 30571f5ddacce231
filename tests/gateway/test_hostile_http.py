"""What attackers and broken programs send: refused, with nothing kept of it."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from select import select

import httpx
import pytest

from tests.gateway.site import Site, gateway, lines, uploaded
from tests.gateway.waiting import wait_until
from tests.gateway.wire import (
    BOUNDARY,
    PURPOSE,
    Answer,
    connected,
    field,
    file,
    form,
    post_form,
    read_answer,
    said,
    stored,
)

GOOD = lines(1)

SMALL = 256 * 1024
"""Bytes that this gateway takes of a file."""


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    url = folder / "ledger.db"
    url.write_bytes(sqlite_template.read_bytes())
    settings = {"max_file_bytes": SMALL, "idle_timeout": 1.5, "max_uploads": 4}
    with gateway(folder, str(url), settings=settings) as made:
        with made.http() as http:
            uploaded(http, GOOD)  # so that all folders are there
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_kept(site: Site) -> Iterator[None]:
    before = stored(site)
    yield
    # who broke off has no answer to wait for, while what was sent is being taken away
    wait_until(lambda: stored(site) == before)


def refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in (statuses or (400,)), answer
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.error["message"]


FORMS = {
    "many parts": form(*(field(f"f{n}", b"x") for n in range(65)), PURPOSE, file(GOOD)),
    "a huge part header": form(PURPOSE, b"X-Big: " + b"a" * 20_000 + b"\r\n" + file(GOOD)),
    "many part headers": form(PURPOSE, b"X-A: b\r\n" * 3000 + file(GOOD)),
    "a huge field": form(field("purpose", b"b" * 20_000), file(GOOD)),
    "two files": form(PURPOSE, file(GOOD), file(GOOD)),
    "a field twice": form(PURPOSE, PURPOSE, file(GOOD)),
    "another file": form(PURPOSE, field("other", GOOD, '; filename="a"')),
    "no file": form(PURPOSE),
    "no purpose": form(file(GOOD)),
    "another purpose": form(field("purpose", b"assistants"), file(GOOD)),
    "an unknown field": form(PURPOSE, field("sneaky", b"1"), file(GOOD)),
    "no end": form(PURPOSE, file(GOOD), end=False),
    "nothing": b"",
    "only its end": form(),
    "a nested form": form(
        PURPOSE,
        b'Content-Disposition: form-data; name="file"; filename="a"\r\n'
        b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n"
        b"--inner\r\nContent-Disposition: file\r\n\r\n" + GOOD + b"\r\n--inner--",
    ),
    "a name that is not UTF-8": form(PURPOSE, file(GOOD).replace(b"in.jsonl", b"\xff\xfe")),
    "a field that is not UTF-8": form(field("purpose", b"\xff"), file(GOOD)),
    "no name": form(PURPOSE, file(GOOD, "")),
    "a name that is a folder": form(PURPOSE, file(GOOD, "a/b/")),
    "a name with control characters": form(PURPOSE, file(GOOD, "a\x00b\x1b[31m")),
    "a long name": form(PURPOSE, file(GOOD, "a" * 300)),
    "a part without headers": form(b"\r\n" + GOOD, PURPOSE),
    "an odd expiry": form(
        PURPOSE,
        field("expires_after[anchor]", b"created_at"),
        field("expires_after[seconds]", b"1e9"),
        file(GOOD),
    ),
    "a line that is no JSON": form(PURPOSE, file(GOOD + b"{nope}\n")),
    "a line that is not UTF-8": form(PURPOSE, file(GOOD.replace(b"Say", b"\xff\xfe"))),
    "a NUL": form(PURPOSE, file(GOOD.replace(b"r-0", b"r-\x00"))),
    "deep nesting": form(PURPOSE, file(b"[" * 100_000 + b"]" * 100_000 + b"\n")),
    "an empty file": form(PURPOSE, file(b"")),
    "blank lines": form(PURPOSE, file(b"\n" * 1000)),
    "the same id twice": form(PURPOSE, file(GOOD + GOOD)),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_none_is_refused(site: Site, name: str) -> None:
    refused(said(site, post_form(FORMS[name])))


@pytest.mark.parametrize("boundary", ["", "x" * 71, "x" * 100_000, '"', "é"])
def test_an_odd_boundary_is_refused(site: Site, boundary: str) -> None:
    refused(said(site, post_form(form(PURPOSE, file(GOOD)), boundary)), 400, 431)


def test_a_preamble_without_end_is_refused(site: Site) -> None:
    refused(said(site, post_form(b"x" * 2_000_000, length=2_000_000)), 400, 413)


def test_a_file_over_the_limit_is_refused_before_it_is_sent(site: Site) -> None:
    refused(said(site, post_form(b"", length=10**12, more="Expect: 100-continue\r\n")), 413)
    refused(said(site, post_form(b"", length=10**18)), 413)


def test_a_file_over_the_limit_is_refused_while_it_arrives(site: Site) -> None:
    def body() -> Iterator[bytes]:
        yield form(PURPOSE, file(b""), end=False)[:-2]
        for number in range(60):
            yield lines(1, user="x" * 10_000).replace(b"r-0", b"r-%d" % number)
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    with site.http() as http:
        answer = http.post("/v1/files", content=body(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "file_too_large"


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/mixed; boundary=x"])
def test_an_upload_of_another_type_is_refused_before_it_is_sent(site: Site, kind: str) -> None:
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        "Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n"
    )
    refused(said(site, head.encode()), 415)


def test_who_expects_to_be_asked_is_asked(site: Site) -> None:
    body = form(PURPOSE, file(b"{nope}\n"))
    with connected(site.url) as connection:
        connection.sendall(post_form(b"", length=len(body), more="Expect: 100-continue\r\n"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        refused(read_answer(connection))


def test_an_upload_that_breaks_off_leaves_nothing(site: Site) -> None:
    body = form(PURPOSE, file(GOOD))
    answer = said(site, post_form(body[:-30], length=len(body)), end=True)
    assert answer.status in {0, 400}


def test_a_length_that_lies_makes_no_file(site: Site) -> None:
    body = form(PURPOSE, file(GOOD))
    refused(said(site, post_form(body, length=len(body) - 20)))


BROKEN = {
    "a length beside chunks": b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\nGET /v1/files HTTP/1.1\r\n\r\n",
    "two lengths": b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Content-Length: 5\r\n\r\nabcde",
    "an odd length": b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: +4\r\n\r\nabcd",
    "an odd coding": b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an odd chunk": b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    "a bare line feed": b"GET /v1/files HTTP/1.1\nHost: x\n\n",
    "a folded header": b"GET /v1/files HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n",
    "a space before the colon": b"GET /v1/files HTTP/1.1\r\nHost : x\r\n\r\n",
    "a NUL in a header": b"GET /v1/files HTTP/1.1\r\nHost: localhost\r\nX-A: b\x00c\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "another protocol": b"GET /v1/files FTP/1.0\r\n\r\n",
    "a method that is none": b"G<T /v1/files HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that is none": b"GET \xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_http_is_refused(site: Site, name: str) -> None:
    refused(said(site, BROKEN[name]))


def test_a_second_request_cannot_be_smuggled_into_a_body(site: Site) -> None:
    inner = b"GET /v1/batches HTTP/1.1\r\nHost: localhost\r\n\r\n"
    outer = b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(
        inner
    )
    with connected(site.url) as connection:
        connection.sendall(outer + inner)
        refused(read_answer(connection))
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_head_has_an_end(site: Site) -> None:
    begin = b"GET /v1/files HTTP/1.1\r\nHost: localhost\r\n"
    refused(said(site, begin + b"X-A: " + b"b" * 70_000 + b"\r\n\r\n"), 431)
    refused(said(site, begin + b"".join(b"X-%d: b\r\n" % n for n in range(200)) + b"\r\n"), 431)
    refused(
        said(site, b"GET /v1/files?a=" + b"b" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        414,
    )
    # and where it never ends
    answer = said(site, begin + b"X-A: ", *[b"b" * 60_000] * 10)
    assert answer.status in {0, 431}


def test_a_slow_head_is_not_waited_for(site: Site) -> None:
    refused(said(site, b"GET /v1/files HTT"), 408)
    assert said(site).status == 0


def test_slow_uploads_keep_nobody_from_working(site: Site) -> None:
    body = form(PURPOSE, file(GOOD))
    connections = []
    at = httpx.URL(site.url)
    for _ in range(12):
        one = socket.create_connection((at.host, at.port), timeout=30)
        one.sendall(post_form(body[:50], length=len(body)))
        connections.append(one)
    with site.http() as http:
        assert http.get("/v1/files").status_code == 200
        assert http.get("/healthz").status_code == 200
    answers = [read_answer(one) for one in connections]
    for one in connections:
        one.close()
    assert {one.status for one in answers} <= {408, 429}
    assert [one.status for one in answers].count(408) >= 4


def test_a_trickle_is_no_upload(site: Site) -> None:
    body = form(PURPOSE, file(GOOD))
    with connected(site.url) as connection:
        connection.sendall(post_form(b"", length=len(body)))
        stop = threading.Event()

        def trickle() -> None:
            for number in range(len(body)):
                if stop.wait(0.2):
                    return
                try:
                    connection.sendall(body[number : number + 1])
                except OSError:
                    return

        sender = threading.Thread(target=trickle)
        sender.start()
        answer = read_answer(connection)
        stop.set()
        sender.join()
    refused(answer, 408)


JSON = {
    "nothing": b"",
    "no JSON": b"{",
    "another type": b"[]",
    "null": b"null",
    "NaN": b'{"input_file_id": NaN}',
    "deep nesting": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "not UTF-8": b'{"input_file_id": "\xff"}',
    "half a pair": b'{"input_file_id": "\\ud800", "endpoint": "/v1/x", "completion_window": "24h"}',
    "a huge number": b'{"input_file_id": ' + b"9" * 100_000 + b"}",
    "a long text": b'{"input_file_id": "' + b"x" * 100_000 + b'"}',
    "a key twice": b'{"endpoint": "a", "endpoint": "b"}',
    "an unknown key": b'{"input_file_id": "file-x", "endpoint": "/v1/x", '
    b'"completion_window": "24h", "sneaky": 1}',
    "numbers for texts": b'{"input_file_id": 1, "endpoint": 2, "completion_window": 3}',
    "odd metadata": b'{"input_file_id": "file-x", "endpoint": "/v1/x", '
    b'"completion_window": "24h", "metadata": {"a": {"b": 1}}}',
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_is_no_order_is_refused(site: Site, name: str) -> None:
    with site.http() as http:
        headers = {"content-type": "application/json"}
        answer = http.post("/v1/batches", content=JSON[name], headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_json_has_an_end(site: Site) -> None:
    with site.http() as http:
        for body in (b" " * 1_100_000, (b" " * 10_000 for _ in range(200))):
            headers = {"content-type": "application/json"}
            answer = http.post("/v1/batches", content=body, headers=headers)
            assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["text/xml", "multipart/form-data; boundary=x", "é"])
def test_a_create_of_another_type_is_refused(site: Site, kind: str) -> None:
    with site.http() as http:
        headers = {b"content-type": kind.encode()}
        assert http.post("/v1/batches", content=b"{}", headers=headers).status_code == 415


IDS = [
    "%00",
    "x%00",
    "a%0Ab",
    "..",
    "%2e%2e%2f",
    "é",
    "x" * 129,
    "x" * 5000,
    "'--",
    "a b",
    "*",
    "-",
]


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("what", ["files", "batches"])
def test_a_crafted_id_leads_nowhere(site: Site, what: str, id_: str) -> None:
    path = f"/v1/{what}/{id_}".encode().decode("latin-1")
    answer = said(site, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
    refused(answer, 400, 404)


def test_an_id_with_something_behind_it_is_another(site: Site) -> None:
    with site.http() as http:
        known = http.get("/v1/files").json()["data"][0]["id"]
        assert http.get(f"/v1/files/{known}").status_code == 200
        for odd in (f"{known}%00", f"{known}%0A", f"{known}%20", f"{known}/", known.upper()):
            assert http.get(f"/v1/files/{odd}").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "DELETE", "FOO"])
def test_other_methods_are_not_allowed(site: Site, method: str) -> None:
    with site.http() as http:
        answer = http.request(method, "/v1/batches")
    if method == "FOO":
        assert answer.status_code in {400, 405}
        return
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert "access-control-allow-origin" not in answer.headers
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_path_that_is_nowhere_is_not_printed_into_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "batchyard.gateway.access"), site.http() as http:
        answer = http.get("/v1/%0Aforged%20line%1b[31m")
        # it is written when the answer has gone
        wait_until(lambda: bool(_accesses(caplog)))
    assert answer.status_code == 404
    (record,) = _accesses(caplog)
    assert "\n" not in record.getMessage()
    assert answer.headers["x-request-id"] in record.getMessage()


def _accesses(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "batchyard.gateway.access"]


@pytest.mark.slow
def test_a_line_of_a_gigabyte_stays_out_of_memory(site: Site) -> None:
    piece = b"x" * 1024 * 1024

    def body() -> Iterator[bytes]:
        yield form(PURPOSE, file(b'{"custom_id": "'), end=False)[:-2]
        for _ in range(1024):
            yield piece
        yield f'"}}\r\n--{BOUNDARY}--\r\n'.encode()

    before = resident()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    with site.http() as http:
        answer = http.post("/v1/files", content=body(), headers=headers)
    assert 400 <= answer.status_code < 500
    assert resident() - before < 64 * 1024 * 1024


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_the_error_of_a_bad_line_does_not_repeat_it(site: Site) -> None:
    bad = json.dumps({"custom_id": "x" * 100_000}).encode() + b"\n"
    answer = said(site, post_form(form(PURPOSE, file(bad))))
    refused(answer)
    assert len(answer.body) < 5000


def test_what_is_refused_takes_no_place_while_it_is_still_sent(site: Site) -> None:
    # too long a field refuses it at once, whatever else is still to come
    begun = form(field("purpose", b"b" * 20_000), end=False)
    with ExitStack() as scope:
        slow = [scope.enter_context(connected(site.url)) for _ in range(4)]
        for one in slow:
            one.sendall(post_form(begun, length=SMALL))
        refused(said(site, post_form(form(PURPOSE))))
        # none of them has ended: they are read on for, beside the places
        assert select(slow, [], [], 0)[0] == []
