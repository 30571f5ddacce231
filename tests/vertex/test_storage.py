"""Objects: uploads that break off, and reading them back."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from batchyard.effects import Reply, Request
from batchyard.emulators import Fault, Replace
from batchyard.errors import (
    BadRequestError,
    InternalServerError,
    MalformedReplyError,
    NotFoundError,
    SourceError,
)
from batchyard.models import Call
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, replay
from batchyard.testing._replay import Player
from batchyard.testing._script import Script
from batchyard_vertex import Settings
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._wire import Wire
from batchyard_vertex.auth import Credentials
from batchyard_vertex.storage import Bucket, StoredObject
from batchyard_vertex.storage._resumable import Resumable
from tests.vertex.conftest import Service

QUARTER = 256 * 1024
DATA = random.Random(7).randbytes(3 * QUARTER + 1000)  # noqa: S311 - the same at each run


class Pieces:
    """A source that counts how often it was begun."""

    def __init__(self, data: bytes, piece: int = 100_000) -> None:
        self.length = len(data)
        self.begun = 0
        self._data = data
        self._piece = piece

    def chunks(self) -> Iterator[bytes]:
        self.begun += 1
        for start in range(0, len(self._data), self._piece):
            yield self._data[start : start + self._piece]


def bucket_of(service: Service, **more: Any) -> Bucket:
    settings = Settings(**service.settings(chunk_bytes=QUARTER, **more))
    return Bucket(Wire(settings, Credentials(settings), Call("vertex")))


def store(service: Service, data: bytes = DATA) -> Pieces:
    source = Pieces(data)
    with service.client() as client:
        client._driver.run(bucket_of(service).store("a/b c?.jsonl", source, {"k": "ü"}))
    return source


def kept(service: Service) -> bytes:
    stored = service.emulator.objects.get(service.settings()["bucket"], "a/b c?.jsonl")
    assert stored.metadata == {"k": "ü"}
    return stored.blob.path.read_bytes()


def chunks_sent(service: Service) -> list[int]:
    return [one.body_bytes for one in service.emulator.requests.matching("PUT", "/upload/**")]


def test_a_small_object_takes_one_request(blocking: Service) -> None:
    store(blocking, b"small")
    assert kept(blocking) == b"small"
    assert chunks_sent(blocking) == []


def test_a_large_object_is_sent_in_chunks_and_read_once(blocking: Service) -> None:
    source = store(blocking)
    assert kept(blocking) == DATA
    assert chunks_sent(blocking) == [QUARTER, QUARTER, QUARTER, 1000]
    assert source.begun == 1


@pytest.mark.parametrize("action", ["lost", "reset", "503", "429 retry-after=1"])
@pytest.mark.parametrize("skip", [0, 1, 3])
def test_an_upload_goes_on_from_where_the_service_says(
    blocking: Service, action: str, skip: int
) -> None:
    blocking.emulator.faults.add(f"PUT /upload/** {action} skip={skip}")
    source = store(blocking)
    assert kept(blocking) == DATA
    sent = chunks_sent(blocking)
    # of a request that is reset, the emulator sees no body
    assert sent.count(0) == (2 if action == "reset" else 1), "the service is asked once"
    whole = [size for size in sent if size]
    # what had arrived is not sent again
    assert len(whole) == (4 if action in {"lost", "reset"} else 5)
    assert source.begun == 1


def test_a_session_that_is_gone_is_begun_anew(blocking: Service) -> None:
    always = blocking.emulator.faults.add("PUT /upload/** 410 times=always")
    with pytest.raises(InternalServerError, match="sessions"):
        store(blocking)
    assert always.fired == 3
    blocking.emulator.faults.clear()
    blocking.emulator.faults.add("PUT /upload/** 404 skip=2")
    source = store(blocking)
    assert kept(blocking) == DATA
    assert source.begun == 2


def test_a_source_that_becomes_shorter_is_noticed(blocking: Service) -> None:
    source = Pieces(DATA)
    source.length += 10
    with blocking.client() as client, pytest.raises(SourceError, match="shorter"):
        client._driver.run(bucket_of(blocking).store("x", source))


def test_an_object_is_never_overwritten(blocking: Service) -> None:
    store(blocking, b"first")
    with blocking.client() as client:
        with pytest.raises(MalformedReplyError, match="5 bytes in place of 6"):
            client._driver.run(bucket_of(blocking).store("a/b c?.jsonl", BytesSource(b"second")))
        with pytest.raises(BadRequestError) as caught:
            client._driver.run(bucket_of(blocking).store("a/b c?.jsonl", BytesSource(DATA)))
    assert caught.value.status == 412
    assert kept(blocking) == b"first"


def test_a_small_upload_whose_reply_was_lost_is_stored_once(blocking: Service) -> None:
    blocking.emulator.faults.add("POST /upload/** lost")
    store(blocking, b"small")
    assert kept(blocking) == b"small"


@pytest.mark.parametrize("action", ["truncate=300000", "reset", "503"])
def test_a_download_goes_on_where_it_broke_off(blocking: Service, action: str) -> None:
    store(blocking)
    blocking.emulator.faults.add(f"GET /storage/** {action}")
    with blocking.client() as client:
        content = client._driver.stream(bucket_of(blocking).content("a/b c?.jsonl"))
        assert b"".join(content) == DATA


def test_what_arrives_damaged_is_noticed_by_its_hash(blocking: Service) -> None:
    store(blocking, b"sound")
    blocking.emulator.faults.add(Fault("GET", "/storage/**", Replace(b"wrong")))
    with blocking.client() as client, pytest.raises(MalformedReplyError, match="arrived damaged"):
        list(client._driver.stream(bucket_of(blocking).content("a/b c?.jsonl")))


def test_what_is_damaged_on_its_way_up_is_not_left_there(
    blocking: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchyard_vertex.storage._hashes.Digest.text", "AAAAAAAAAAAAAAAAAAAAAA==")
    with pytest.raises(BadRequestError, match="doesn't match calculated MD5"):
        store(blocking, b"small")
    with pytest.raises(MalformedReplyError, match="stored damaged"):
        store(blocking)
    assert blocking.object_names() == []


def test_a_composed_object_is_checked_by_its_crc(blocking: Service) -> None:
    store(blocking, b"one")
    bucket = blocking.settings()["bucket"]
    with blocking.client() as client:
        # as Google's own tools make large objects
        send = client._driver.run
        about = b'{"sourceObjects": [{"name": "a/b c?.jsonl"}, {"name": "a/b c?.jsonl"}]}'
        wire = bucket_of(blocking)._wire
        url = f"{blocking.url}/storage/v1/b/{bucket}/o/both/compose"
        stored = send(wire.post(StoredObject, url, json.loads(about)))
        assert stored.md5_hash is None
        content = client._driver.stream(bucket_of(blocking).content("both"))
        assert b"".join(content) == b"oneone"
        blocking.emulator.faults.add(Fault("GET", "/storage/**", Replace(b"twotwo")))
        with pytest.raises(MalformedReplyError, match="arrived damaged"):
            list(client._driver.stream(bucket_of(blocking).content("both")))


def test_a_token_that_is_refused_is_replaced_in_a_download_too(blocking: Service) -> None:
    store(blocking, b"sound")
    with blocking.client() as client:
        bucket = bucket_of(blocking)
        client._driver.run(bucket.metadata("a/b c?.jsonl"))
        blocking.emulator.tokens.revoke_all()
        assert b"".join(client._driver.stream(bucket.content("a/b c?.jsonl"))) == b"sound"


def test_a_session_at_another_address_gets_no_token() -> None:
    settings = Settings(project="p", bucket="bucket", credentials=USER, chunk_bytes=QUARTER)  # type: ignore[arg-type]
    wire = Wire(settings, Credentials(settings), Call("vertex"))

    async def plan() -> None:
        upload = Resumable(wire, BytesSource(DATA[:10]))
        home, other = "https://storage.googleapis.com/up?upload_id=1", "https://evil.example/up"
        for session in (home, other):
            await upload._sent(session, b"", "bytes */10")

    done = Reply(200, {}, b"{}")
    script = Script(
        [TOKEN, Exchange("PUT https://storage", done), Exchange("PUT https://evil", done)]
    )
    Player(script).play(plan())
    sent = [one.request.headers.get("authorization") for one in script.turns]
    assert sent == [None, "Bearer t", None]


def test_what_is_not_there_is_said_by_name(blocking: Service) -> None:
    bucket = bucket_of(blocking)
    with blocking.client() as client:
        with pytest.raises(NotFoundError, match="No such object") as caught:
            client._driver.run(bucket.metadata("none"))
        assert caught.value.code == "notFound"
        assert client._driver.run(bucket.delete("none")) is False


def test_a_service_that_never_says_more_is_given_up() -> None:
    settings = Settings(project="p", bucket="bucket", credentials=USER, chunk_bytes=QUARTER)  # type: ignore[arg-type]
    wire = Wire(settings, Credentials(settings), Call("vertex"))
    session = Reply(200, {"location": "https://s/1"}, b"")
    stuck = [Exchange("PUT https://s/1$", Reply(308, {}, b""))] * 3
    with pytest.raises(MalformedReplyError, match="beyond byte 0"):
        replay(
            Bucket(wire).store("x", BytesSource(DATA)),
            [TOKEN, Exchange("POST .*uploadType=resumable", session), *stuck],
        )


@pytest.mark.parametrize("extent", ["bytes=0-99999999", "nonsense", "bytes=5-7"])
def test_an_offset_that_cannot_be_is_refused(extent: str) -> None:
    settings = Settings(project="p", bucket="bucket", credentials=USER, chunk_bytes=QUARTER)  # type: ignore[arg-type]
    wire = Wire(settings, Credentials(settings), Call("vertex"))
    session = Reply(200, {"location": "https://s/1"}, b"")
    with pytest.raises(MalformedReplyError, match="says it has"):
        replay(
            Bucket(wire).store("x", BytesSource(DATA)),
            [
                TOKEN,
                Exchange("POST .*uploadType=resumable", session),
                Exchange("PUT https://s/1$", Reply(308, {"range": extent}, b"")),
            ],
        )


USER = '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}'
TOKEN = Exchange(
    "POST https://oauth2.googleapis.com/token$",
    Reply(200, {}, b'{"access_token": "t", "expires_in": 3599}'),
)


def test_googles_refusals_are_read_whatever_envelope_they_come_in() -> None:
    request = Request("GET", "https://x/", {"authorization": "Bearer ya29.SECRET-0123"})
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}
    full = {"code": 429, "message": "m ya29.SECRET-0123", "status": "X", "details": [None, info]}
    for body, code, message in (
        ({"error": full}, "X", "m ***"),
        ({"error": {"message": "m", "errors": [{"reason": "why"}]}}, "why", "m"),
        ({"error": "invalid_grant"}, "invalid_grant", "invalid_grant"),
        ([], None, "HTTP 429: []"),
        ({"error": {}}, None, "HTTP 429"),
    ):
        error = google_refusal(Reply(429, {}, json.dumps(body).encode()), request)
        assert (error.code, error.message) == (code, message)
    limited = google_refusal(Reply(429, {}, json.dumps({"error": full}).encode()), request)
    assert limited.retry_after == 12
