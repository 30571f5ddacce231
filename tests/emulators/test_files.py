from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError

from tests.emulators.parts import CHAT, START, Rig, chats, peak_memory, rigged

DAY = 86_400


def post(rig: Rig, fields: dict[str, str], name: str = "a.jsonl") -> httpx.Response:
    return rig.http.post("/v1/files", data=fields, files={"file": (name, b"{}\n")})


def test_an_uploaded_file_is_processed_at_once_and_lives_thirty_days(rig: Rig) -> None:
    file = rig.upload(chats(2), "my batch.jsonl")
    assert file.status == "processed"
    assert file.purpose == "batch"
    assert file.filename == "my batch.jsonl"
    assert file.created_at == int(START)
    assert file.expires_at == int(START) + 30 * DAY
    assert rig.client.files.retrieve(file.id) == file


def test_an_uploaded_file_is_given_back_byte_for_byte(rig: Rig) -> None:
    content = bytes(range(256)) * 5000 + b"\r\n--boundary--\r\n"
    file = rig.upload(content)
    assert file.bytes == len(content)
    reply = rig.http.get(f"/v1/files/{file.id}/content")
    assert reply.content == content
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-length"] == str(len(content))
    assert reply.headers["content-disposition"] == 'attachment; filename="in.jsonl"'


def test_a_result_file_is_named_after_its_batch(rig: Rig) -> None:
    batch = rig.finish(chats(1))
    assert batch.output_file_id is not None
    file = rig.client.files.retrieve(batch.output_file_id)
    assert file.purpose == "batch_output"
    assert file.filename == f"{batch.id}_output.jsonl"
    assert batch.completed_at is not None
    assert file.created_at == batch.completed_at
    assert file.expires_at == batch.completed_at + 30 * DAY


def test_a_result_file_lives_as_long_as_was_asked_for(rig: Rig) -> None:
    batch = rig.client.batches.create(
        input_file_id=rig.upload(chats(1)).id,
        endpoint=CHAT,
        completion_window="24h",
        output_expires_after={"anchor": "created_at", "seconds": 3600},
    )
    rig.clock.advance(300)
    ended = rig.again(batch)
    assert ended.completed_at is not None
    file = rig.client.files.retrieve(ended.output_file_id or "")
    assert file.expires_at == ended.completed_at + 3600
    rig.clock.advance(3600)
    with pytest.raises(NotFoundError):
        rig.client.files.content(file.id)


def test_an_expired_file_is_gone(rig: Rig) -> None:
    file = rig.client.files.create(
        file=("a.jsonl", b"x"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at == int(START) + 3600
    rig.clock.advance(3599)
    assert rig.client.files.retrieve(file.id) == file
    rig.clock.advance(1)
    assert rig.client.files.list().data == []
    with pytest.raises(NotFoundError, match="No such File object: file-"):
        rig.client.files.retrieve(file.id)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"anchor": "created_at", "seconds": "3599"}, "seconds", "integer_below_min_value"),
        ({"anchor": "created_at", "seconds": "2592001"}, "seconds", "integer_above_max_value"),
        ({"anchor": "created_at", "seconds": "soon"}, "seconds", "invalid_type"),
        ({"anchor": "now", "seconds": "3600"}, "anchor", "invalid_value"),
        ({"anchor": "created_at"}, "seconds", "missing_required_parameter"),
        ({"seconds": "3600"}, "anchor", "missing_required_parameter"),
    ],
)
def test_a_wrong_expiry_is_refused(rig: Rig, fields: dict[str, str], param: str, code: str) -> None:
    form = {"purpose": "batch"} | {f"expires_after[{k}]": v for k, v in fields.items()}
    reply = post(rig, form)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == f"expires_after.{param}"
    assert reply.json()["error"]["code"] == code
    assert rig.client.files.list().data == []


def test_a_batch_file_is_named_jsonl(rig: Rig) -> None:
    with pytest.raises(BadRequestError, match=r"Must be \.jsonl"):
        rig.upload(chats(1), "in.json")


@pytest.mark.parametrize("purpose", ["batch_output", "nonsense"])
def test_a_purpose_that_cannot_be_uploaded_is_refused(rig: Rig, purpose: str) -> None:
    assert post(rig, {"purpose": purpose}).json()["error"]["param"] == "purpose"


def test_a_form_without_a_file_or_a_purpose_is_refused(rig: Rig) -> None:
    assert post(rig, {}).json()["error"]["param"] == "purpose"
    reply = rig.http.post("/v1/files", files={"purpose": (None, "batch")})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "file"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=B", b"no boundary here"),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\nhalf',
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused(rig: Rig, content_type: str, body: bytes) -> None:
    reply = rig.http.post("/v1/files", content=body, headers={"content-type": content_type})
    assert reply.status_code == 400
    assert "multipart" in reply.json()["error"]["message"]
    assert rig.emulator.store.used == 0


def test_a_refused_upload_leaves_nothing_in_the_store(rig: Rig) -> None:
    post(rig, {"purpose": "nonsense"})
    assert rig.emulator.store.used == 0


def test_a_file_name_may_have_any_letters(rig: Rig) -> None:
    # as browsers and httpx do not agree on how to escape, the name comes as raw UTF-8
    head = 'Content-Disposition: form-data; name="file"; filename="日本 ü.jsonl"'
    body = (
        '--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f"--B\r\n{head}\r\n\r\n{{}}\r\n--B--\r\n"
    ).encode()
    headers = {"content-type": "multipart/form-data; boundary=B"}
    file = rig.http.post("/v1/files", content=body, headers=headers).json()
    assert file["filename"] == "日本 ü.jsonl"
    content = rig.http.get(f"/v1/files/{file['id']}/content")
    assert content.headers["content-disposition"] == 'attachment; filename="?? ?.jsonl"'


def test_a_deleted_file_is_gone(rig: Rig) -> None:
    file = rig.upload(chats(1))
    deleted = rig.client.files.delete(file.id)
    assert deleted.model_dump() == {"id": file.id, "object": "file", "deleted": True}
    assert rig.emulator.store.used == 0
    with pytest.raises(NotFoundError):
        rig.client.files.delete(file.id)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=990-", 990, 1000),
        ("bytes=-5", 995, 1000),
        ("bytes=500-5000", 500, 1000),
    ],
)
def test_a_range_gives_a_part(rig: Rig, asked: str, start: int, stop: int) -> None:
    content = bytes(number % 251 for number in range(1000))
    file = rig.upload(content)
    reply = rig.http.get(f"/v1/files/{file.id}/content", headers={"range": asked})
    assert reply.status_code == 206
    assert reply.content == content[start:stop]
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/1000"


def test_a_range_beyond_the_end_cannot_be_satisfied(rig: Rig) -> None:
    file = rig.upload(b"x" * 10)
    reply = rig.http.get(f"/v1/files/{file.id}/content", headers={"range": "bytes=10-"})
    assert reply.status_code == 416
    assert reply.headers["content-range"] == "bytes */10"


def test_ranges_can_be_switched_off() -> None:
    with rigged(quirks=["no-range"]) as rig:
        file = rig.upload(b"x" * 10)
        reply = rig.http.get(f"/v1/files/{file.id}/content", headers={"range": "bytes=2-3"})
        assert (reply.status_code, len(reply.content)) == (200, 10)
        assert "accept-ranges" not in reply.headers


def form_of(size: int, *, purpose_first: bool) -> Iterator[bytes]:
    purpose = b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    block = b"x" * 262_143 + b"\n"
    yield purpose + head if purpose_first else head
    for _ in range(size // len(block)):
        yield block
    yield b"x" * (size % len(block))
    yield b"\r\n--B--\r\n" if purpose_first else b"\r\n" + purpose + b"--B--\r\n"


def send(rig: Rig, size: int, *, purpose_first: bool = True) -> httpx.Response:
    headers = {"content-type": "multipart/form-data; boundary=B"}
    body = form_of(size, purpose_first=purpose_first)
    return rig.http.post("/v1/files", content=body, headers=headers, timeout=60)


def test_a_large_file_goes_up_and_comes_down_in_constant_memory(rig: Rig) -> None:
    size = 200 * 1024**2
    send(rig, 1024**2)
    with peak_memory() as grown:
        reply = send(rig, size)
        assert reply.status_code == 200
        with rig.http.stream("GET", f"/v1/files/{reply.json()['id']}/content") as content:
            assert sum(len(chunk) for chunk in content.iter_raw()) == size
    assert grown() < 16 * 1024**2


@pytest.mark.parametrize("purpose_first", [True, False])
def test_a_batch_file_over_200_mb_is_too_large(rig: Rig, purpose_first: bool) -> None:  # noqa: FBT001
    reply = send(rig, 200 * 1024**2 + 1, purpose_first=purpose_first)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "File is too large."
    assert rig.emulator.store.used == 0


def test_a_full_store_is_a_quota_exceeded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.emulator.store, "_max_bytes", 100)
    with pytest.raises(BadRequestError, match="exceeded your file storage quota"):
        rig.upload(b"x" * 101)


def test_an_upload_broken_off_leaves_nothing(rig: Rig) -> None:
    def broken() -> Iterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
        yield b"x" * 3_000_000
        raise RuntimeError("the client died")

    with pytest.raises(RuntimeError, match="the client died"):
        rig.http.post(
            "/v1/files",
            content=broken(),
            headers={"content-type": "multipart/form-data; boundary=B"},
        )
    # the server learns of it in its own time: give it as many turns as it could need
    turns = 0
    while rig.emulator.store.used and turns < 1000:
        assert rig.client.files.list().data == []
        turns += 1
    assert rig.emulator.store.used == 0


def test_any_file_like_object_can_be_uploaded(rig: Rig) -> None:
    source: Any = io.BytesIO(b"{}\n")
    source.name = "from-memory.jsonl"
    assert rig.client.files.create(file=source, purpose="batch").filename == "from-memory.jsonl"
