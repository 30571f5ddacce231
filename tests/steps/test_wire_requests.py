"""Requests are those of the documentation, to the letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from batchyard.effects import Plan
from batchyard.errors import InputError
from batchyard.models import (
    BatchRequest,
    Call,
    ExpiresAfter,
    FileUpload,
    PageRequest,
    Ref,
)
from batchyard.steps import BytesSource
from batchyard.steps.openai_wire import (
    Wire,
    cancel_batch,
    create_batch,
    delete_file,
    file_content,
    list_batches,
    list_files,
    retrieve_batch,
    retrieve_file,
    upload_file,
)
from batchyard_openai import OpenAI, Settings
from tests.drivers.faces import Face
from tests.drivers.site import Site, saying
from tests.steps.service import CALL, KEY, answering, batch, file, listing, wire

DELETED = {"id": "file-1", "object": "file", "deleted": True}

Operation = Callable[[Wire, Call], Plan[Any]]


@pytest.mark.parametrize(
    ("operation", "request_line", "answer"),
    [
        (lambda w, c: retrieve_file(w, c, Ref("file-1")), "GET /v1/files/file-1", file()),
        (lambda w, c: delete_file(w, c, Ref("file-1")), "DELETE /v1/files/file-1", DELETED),
        (lambda w, c: list_files(w, c, PageRequest()), "GET /v1/files", listing(file())),
        (lambda w, c: retrieve_batch(w, c, Ref("batch_1")), "GET /v1/batches/batch_1", batch()),
        (lambda w, c: cancel_batch(w, c, Ref("b")), "POST /v1/batches/b/cancel", batch()),
        (lambda w, c: list_batches(w, c, PageRequest()), "GET /v1/batches", listing(batch())),
    ],
)
def test_an_operation_is_one_request(
    face: Face, operation: Operation, request_line: str, answer: Any
) -> None:
    with Site(answering(answer)) as site:
        result = face.run(operation(wire(site), CALL))
    assert site.heads == [request_line]
    seen = site.requests[0]
    assert seen.body == b""
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["accept"] == "application/json"
    assert "content-type" not in seen.headers
    assert result.model_dump(mode="json", exclude_unset=True) == answer


def test_lists_are_asked_for_with_what_was_given_and_no_more(face: Face) -> None:
    page = PageRequest(after="file-0&x=1", limit=5, order="asc", purpose="batch")
    with Site(answering(listing())) as site:
        face.run(list_files(wire(site), CALL, page))
        face.run(list_batches(wire(site), CALL, page))
    files, batches = (dict(parse_qsl(urlsplit(seen.target).query)) for seen in site.requests)
    assert files == {"after": "file-0&x=1", "limit": "5", "order": "asc", "purpose": "batch"}
    assert batches == {"after": "file-0&x=1", "limit": "5"}


def test_a_services_own_query_is_on_every_url(face: Face) -> None:
    with Site(answering(listing())) as site:
        service = wire(site, query={"api-version": "2026-01-01"})
        face.run(list_batches(service, CALL, PageRequest(limit=5)))
    assert site.heads == ["GET /v1/batches?api-version=2026-01-01&limit=5"]


def test_a_batch_is_created_as_documented(face: Face) -> None:
    wanted = BatchRequest(
        Ref("file-1"),
        "/v1/chat/completions",
        metadata={"team": "a"},
        output_expires_after=ExpiresAfter(3600),
        models=("gpt-5",),
    )
    with Site(answering(batch())) as site:
        face.run(create_batch(wire(site), CALL, wanted))
        face.run(create_batch(wire(site), CALL, BatchRequest(Ref("file-1"), "/v1/embeddings")))
    full, bare = site.requests
    assert site.heads == ["POST /v1/batches"] * 2
    assert full.headers["content-type"] == "application/json"
    assert json.loads(full.body) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"team": "a"},
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    }
    assert json.loads(bare.body) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }


def fields_of(body: bytes) -> dict[str, str]:
    """The text fields of a form."""
    parts = body.split(b"\r\n--")[:-1]
    heads = (part.partition(b"\r\n\r\n") for part in parts)
    return {
        head.partition(b'name="')[2].partition(b'"')[0].decode(): value.decode()
        for head, _, value in heads
    }


def test_a_file_is_uploaded_as_documented(face: Face) -> None:
    content = b'{"custom_id": "1"}\n'
    upload = FileUpload(BytesSource(content), "mine.jsonl", expires_after=ExpiresAfter(3600))
    with Site(answering(file())) as site:
        assert face.run(upload_file(wire(site), CALL, upload)).id == "file-1"
    seen = site.requests[0]
    assert site.heads == ["POST /v1/files"]
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert fields_of(seen.body) == {
        "purpose": "batch",
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": "3600",
        "file": content.decode(),
    }
    assert b'name="file"; filename="mine.jsonl"\r\nContent-Type: application/jsonl' in seen.body


def test_content_is_asked_for_as_it_is(face: Face) -> None:
    with Site(saying(b"not json at all\n")) as site:
        pieces = face.stream(file_content(wire(site), CALL, Ref("file-1")))
        assert b"".join(pieces) == b"not json at all\n"
    assert site.heads == ["GET /v1/files/file-1/content"]
    assert site.requests[0].headers["accept"] == "application/binary"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../x", "..%2Fx"),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("%2e%2e", "%252e%252e"),
        ("a b\r\nx: y", "a%20b%0D%0Ax%3A%20y"),
        ("ü", "%C3%BC"),
        ("...", "..."),
    ],
)
def test_no_id_leaves_its_place_in_the_path(face: Face, name: str, path: str) -> None:
    with Site(answering(DELETED)) as site:
        face.run(delete_file(wire(site), CALL, Ref(name)))
    assert site.heads == [f"DELETE /v1/files/{path}"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_quoting_does_not_keep_in_its_place_is_refused(face: Face, name: str) -> None:
    with Site(answering(DELETED)) as site:
        for plan in (
            delete_file(wire(site), CALL, Ref(name)),
            retrieve_batch(wire(site), CALL, Ref(name)),
            cancel_batch(wire(site), CALL, Ref(name)),
        ):
            with pytest.raises(InputError, match="is not an id"):
                face.run(plan)
        with pytest.raises(InputError, match="is not an id"):
            list(face.stream(file_content(wire(site), CALL, Ref(name))))
        assert site.requests == []


def test_extra_headers_are_sent_and_never_in_place_of_our_own(face: Face) -> None:
    extra = {
        "X-Trace": "t1",
        "Accept": "application/json; v=2",
        "authorization": "Bearer other",
        "AUTHORIZATION": "Bearer other",
        "Api-Key": "another",
        "Content-Type": "text/plain",
        "content-length": "1",
        "Host": "elsewhere",
        "Transfer-Encoding": "chunked",
    }
    call = Call("acme-eu", extra_headers=extra)
    upload = FileUpload(BytesSource(b"{}"), "in.jsonl")
    with Site(answering(file())) as site:
        face.run(retrieve_file(wire(site), call, Ref("file-1")))
        face.run(upload_file(wire(site), call, upload))
    for seen in site.requests:
        assert seen.headers["x-trace"] == "t1"
        assert seen.headers["accept"] == "application/json; v=2"
        assert seen.head.lower().count(b"authorization:") == 1
        assert "api-key" not in seen.headers
        assert seen.headers["authorization"] == f"Bearer {KEY}"
        assert seen.headers["host"] == f"127.0.0.1:{site.port}"
    assert site.requests[1].headers["content-type"].startswith("multipart/form-data")


def test_a_credential_is_not_replaced_whatever_header_carries_it(face: Face) -> None:
    async def authorise() -> dict[str, str]:
        return {"API-Key": KEY}

    call = Call("acme-eu", extra_headers={"api-key": "other", "Api-Key": "another"})
    with Site(answering(file())) as site:
        service = Wire(site.url, authorise)
        request = face.run(service.request(call, "GET", service.url("files")))
        assert request.headers == {"accept": "application/json", "api-key": KEY}
        face.run(retrieve_file(service, call, Ref("file-1")))
    assert site.requests[0].head.lower().count(b"api-key:") == 1
    assert site.requests[0].headers["api-key"] == KEY


def test_extra_fields_are_sent_in_bodies_and_forms(face: Face) -> None:
    extra = {"priority": "low", "deep": {"a": [1, True]}, "completion_window": "1h"}
    call = Call("acme-eu", extra_body=extra)
    with Site(answering(batch())) as site:
        face.run(create_batch(wire(site), call, BatchRequest(Ref("file-1"), "/v1/embeddings")))
        site.handler = answering(file())
        face.run(upload_file(wire(site), call, FileUpload(BytesSource(b"{}"), "in.jsonl")))
    body = json.loads(site.requests[0].body)
    assert {name: body[name] for name in extra} == extra
    fields = fields_of(site.requests[1].body)
    assert fields["priority"] == "low"
    assert json.loads(fields["deep"]) == {"a": [1, True]}


def test_an_extra_field_replaces_the_forms_own_instead_of_doubling_it(face: Face) -> None:
    call = Call("acme-eu", extra_body={"purpose": "evals"})
    with Site(answering(file())) as site:
        face.run(upload_file(wire(site), call, FileUpload(BytesSource(b"{}"), "in.jsonl")))
    assert site.requests[0].body.count(b'name="purpose"') == 1
    assert fields_of(site.requests[0].body)["purpose"] == "evals"


def test_an_extra_field_that_json_cannot_say_is_refused(face: Face) -> None:
    call = Call("acme-eu", extra_body={"x": object()})
    with Site(answering(batch())) as site:
        wanted = BatchRequest(Ref("file-1"), "/v1/embeddings")
        with pytest.raises(InputError, match="JSON"):
            face.run(create_batch(wire(site), call, wanted))
        assert site.requests == []


def test_the_organisation_and_project_of_an_account_are_sent(face: Face) -> None:
    with Site(answering(file())) as site:
        settings = Settings(
            api_key=KEY,  # type: ignore[arg-type]  # pydantic makes it a secret
            base_url=f"{site.url}/v1/",
            organization="org-1",
            project="proj_1",
        )
        face.run(OpenAI(settings).retrieve_file(CALL, Ref("file-1")))
    seen = site.requests[0]
    assert site.heads == ["GET /v1/files/file-1"]
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["openai-organization"] == "org-1"
    assert seen.headers["openai-project"] == "proj_1"


def test_a_wire_shows_no_credential() -> None:
    async def authorise() -> dict[str, str]:
        return {"authorization": KEY}

    assert KEY not in repr(Wire("https://acme.example", authorise))
