from __future__ import annotations

import json
import re
import socket
import time

import httpx
import pytest
from openai import APIConnectionError, APITimeoutError, RateLimitError

from batchyard.emulators import (
    Fault,
    Hang,
    Lost,
    Replace,
    Reset,
    Slow,
    Status,
    Truncate,
)
from tests.emulators.parts import CHAT, Rig, chats, rigged

ORDER = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}


def count_batches(rig: Rig) -> int:
    return len(rig.client.batches.list().data)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "POST /v1/batches 429 times=2 retry-after=1",
            Fault("POST", "/v1/batches", Status(429, {"retry-after": "1"}), times=2),
        ),
        ("get /v1/batches/* reset", Fault("GET", "/v1/batches/*", Reset())),
        ("* /** lost skip=3", Fault("*", "/**", Lost(), skip=3)),
        ("GET /x hang", Fault("GET", "/x", Hang())),
        ("GET /x hang=2.5", Fault("GET", "/x", Hang(2.5))),
        ("GET /x truncate=100 times=always", Fault("GET", "/x", Truncate(100), times=None)),
        ("GET /x slow=0.01", Fault("GET", "/x", Slow(0.01))),
        ("GET /x empty", Fault("GET", "/x", Replace(b"{}"))),
        (
            "POST /x 409 x-should-retry=false retry-after-ms=20",
            Fault("POST", "/x", Status(409, {"x-should-retry": "false", "retry-after-ms": "20"})),
        ),
    ],
)
def test_a_fault_has_a_textual_form(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it needs a method, a path and an action"),
        ("POST /v1/batches", "it needs a method, a path and an action"),
        ("FETCH /x 500", "'FETCH' is not a method"),
        ("GET x 500", "the path 'x' does not begin with a slash"),
        ("GET /x 99", "'99' is not an action"),
        ("GET /x 600", "'600' is not an action"),
        ("GET /x explode", "'explode' is not an action"),
        ("GET /x truncate", "'truncate' is not an action"),
        ("GET /x truncate=many", "'many' is not a number that truncate takes"),
        ("GET /x lost=3", "'lost=3' is not an action"),
        ("GET /x 500 tims=2", "'tims' is not a setting"),
        ("GET /x 500 times", "'times' is not NAME=VALUE"),
        ("GET /x 500 times=-1", "times takes a whole number, not '-1'"),
        ("GET /x reset retry-after=1", "only a status takes headers"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason_and_the_form(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        Fault.parse(text)
    assert "METHOD PATH ACTION" in str(caught.value)


def test_a_429_comes_with_its_headers_and_the_providers_error(rig: Rig) -> None:
    fault = "POST /v1/batches 429 retry-after=7 retry-after-ms=7000 x-should-retry=true"
    rig.emulator.faults.add(fault)
    reply = rig.http.post("/v1/batches", json=ORDER)
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["retry-after-ms"] == "7000"
    assert reply.headers["x-should-retry"] == "true"
    assert reply.json()["error"]["code"] == "rate_limit_exceeded"
    assert count_batches(rig) == 0


def test_a_fault_skips_and_then_strikes_as_often_as_told(rig: Rig) -> None:
    armed = rig.emulator.faults.add("GET /v1/batches 500 times=2 skip=1")
    assert [rig.http.get("/v1/batches").status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert armed.fired == 2


def test_a_fault_that_comes_after_another_waits_for_it(rig: Rig) -> None:
    first = rig.emulator.faults.add("GET /v1/batches 500 skip=1")
    rig.emulator.faults.add("* ** 503 times=always", after=first)
    paths = ("files", "batches", "batches", "files", "batches")
    statuses = [rig.http.get(f"/v1/{one}").status_code for one in paths]
    assert statuses == [200, 200, 500, 503, 503]


def test_a_fault_strikes_only_what_it_matches(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/batches/* 500 times=always")
    assert rig.http.get("/v1/batches/batch_1").status_code == 404
    assert rig.http.post("/v1/batches/batch_1/cancel").status_code == 404
    assert rig.http.post("/v1/batches/batch_1").status_code == 500
    rig.emulator.faults.clear()
    assert rig.http.post("/v1/batches/batch_1").status_code == 404


def test_a_500_has_a_gateways_page_for_a_body(rig: Rig) -> None:
    rig.emulator.faults.add("GET /v1/batches 502")
    reply = rig.http.get("/v1/batches")
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.text.startswith("<html>")


def test_a_401_echoes_the_credential(rig: Rig) -> None:
    rig.emulator.faults.add("GET /v1/batches 401")
    reply = rig.http.get("/v1/batches")
    assert rig.client.api_key in reply.json()["error"]["message"]


def test_a_status_may_have_a_body_of_its_own(rig: Rig) -> None:
    rig.emulator.faults.add(Fault("GET", "/v1/batches", Status(403, body='{"k": "{credential}"}')))
    assert rig.http.get("/v1/batches").json() == {"k": rig.client.api_key}


def test_a_refused_upload_is_taken_in_before_the_refusal(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/files 429")
    with pytest.raises(RateLimitError):
        rig.upload(b"x" * 3_000_000)
    (record,) = rig.emulator.requests
    assert record.body_bytes > 3_000_000


def test_a_reset_comes_before_the_request_is_handled(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/batches reset")
    with pytest.raises(httpx.TransportError):
        rig.http.post("/v1/batches", json=ORDER)
    assert count_batches(rig) == 0


@pytest.mark.parametrize("action", ["reset", "lost"])
def test_a_reset_is_one_of_tcp_and_no_orderly_end(rig: Rig, action: str) -> None:
    rig.emulator.faults.add(f"GET /v1/batches {action}")
    address = (rig.http.base_url.host, rig.http.base_url.port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"GET /v1/batches HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_lost_reply_leaves_what_the_server_did(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/batches lost")
    with pytest.raises(APIConnectionError):
        rig.create(chats(1))
    assert count_batches(rig) == 1
    assert rig.emulator.requests.matching("POST", "/v1/batches")[0].status is None


def test_a_lost_upload_leaves_a_file(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/files lost")
    with pytest.raises(APIConnectionError):
        rig.upload(chats(1))
    assert len(rig.client.files.list().data) == 1


def test_a_hanging_reply_outlasts_the_clients_patience(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/batches hang")
    file = rig.upload(chats(1))
    with pytest.raises(APITimeoutError):
        rig.client.with_options(timeout=0.1).batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h"
        )
    assert count_batches(rig) == 1


def test_a_reply_may_hang_for_a_while_only(rig: Rig) -> None:
    rig.emulator.faults.add("GET /v1/batches hang=0.05")
    began = time.monotonic()
    assert rig.http.get("/v1/batches").status_code == 200
    assert time.monotonic() - began >= 0.05


def test_a_truncated_reply_announces_more_than_it_sends(rig: Rig) -> None:
    file = rig.upload(b"x" * 1_000_000)
    rig.emulator.faults.add(Fault("GET", "/v1/files/*/content", Truncate(300_000)))
    pieces: list[bytes] = []
    with rig.http.stream("GET", f"/v1/files/{file.id}/content") as reply:
        assert reply.headers["content-length"] == "1000000"
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(reply.iter_raw())
    assert sum(map(len, pieces)) == 300_000


def test_truncating_cuts_a_short_reply_too(rig: Rig) -> None:
    rig.emulator.faults.add("GET /v1/batches truncate=1000000")
    with pytest.raises(httpx.RemoteProtocolError):
        rig.http.get("/v1/batches")


def test_a_slow_reply_arrives_whole_in_small_pieces(rig: Rig) -> None:
    rig.emulator.faults.add(Fault("GET", "/v1/batches", Slow(seconds=0.005, piece=10)))
    with rig.http.stream("GET", "/v1/batches") as reply:
        pieces = list(reply.iter_raw())
    assert len(pieces) > 3
    assert json.loads(b"".join(pieces))["object"] == "list"


def test_a_malformed_reply_is_no_json_although_it_says_so(rig: Rig) -> None:
    rig.emulator.faults.add("GET /v1/batches malformed")
    reply = rig.http.get("/v1/batches")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    with pytest.raises(ValueError, match="Expecting value"):
        reply.json()


def test_an_empty_reply_is_an_empty_object_and_the_server_has_acted(rig: Rig) -> None:
    rig.emulator.faults.add("POST /v1/batches empty")
    reply = rig.http.post("/v1/batches", json=ORDER)
    assert (reply.status_code, reply.json()) == (200, {})
    assert count_batches(rig) == 1


def test_the_official_clients_retries_overcome_passing_faults() -> None:
    with rigged() as rig:
        rig.emulator.faults.add("GET /v1/batches 429 times=1 retry-after-ms=1")
        rig.emulator.faults.add("GET /v1/batches 500 times=1 retry-after-ms=1")
        assert rig.client.with_options(max_retries=2).batches.list().data == []
        assert len(rig.emulator.requests) == 3
