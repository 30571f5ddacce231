"""Replies against the official client's own types, and against recorded traffic."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from openai import (
    AuthenticationError,
    BadRequestError,
    BaseModel,
    NotFoundError,
    OpenAI,
)
from openai.types import Batch, FileDeleted, FileObject

from tests.emulators.parts import CHAT, LONG_ENOUGH, Rig, chat, chats, rigged

ORDER = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
BATCH_KEYS = (
    *("id", "object", "endpoint", "model", "errors", "input_file_id", "completion_window"),
    *("status", "output_file_id", "error_file_id", "created_at", "in_progress_at", "expires_at"),
    *("finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at"),
    *("cancelled_at", "request_counts", "usage", "metadata"),
)
FILE_KEYS = (
    *("object", "id", "purpose", "filename", "bytes", "created_at", "expires_at", "status"),
    "status_details",
)


def extras(value: Any) -> list[str]:
    """The fields, at any depth, that the client's types do not know."""
    if isinstance(value, list):
        return [name for item in value for name in extras(item)]
    if not isinstance(value, BaseModel):
        return []
    unknown = list(value.model_extra or ())
    known = [getattr(value, name) for name in type(value).model_fields]
    return unknown + [name for item in known for name in extras(item)]


def strictly(kind: type[BaseModel], document: Any) -> Any:
    model = kind.model_validate(document, strict=True)
    assert extras(model) == []
    return model


def test_batches_are_what_the_official_types_say_in_every_state(rig: Rig) -> None:
    good, bad = rig.create([*chats(40), chat("x", n=0)]), rig.create([{}])
    gone, cancelled = rig.create(chats(1)), rig.create(chats(40))
    rig.client.batches.cancel(gone.id)
    seen = set()
    is_running = False
    for _ in range(250):
        rig.clock.advance(1)
        if not is_running and rig.again(cancelled).status == "in_progress":
            is_running = True
            rig.client.batches.cancel(cancelled.id)
        for document in rig.http.get("/v1/batches").json()["data"]:
            assert tuple(document) == BATCH_KEYS
            seen.add(strictly(Batch, document).status)
    assert seen == {
        *("validating", "failed", "in_progress", "finalizing", "completed"),
        *("cancelling", "cancelled"),
    }
    assert rig.again(good).status == "completed"
    assert rig.again(bad).status == "failed"


def test_an_expired_batch_is_what_the_official_types_say() -> None:
    with rigged(finished_before_expiry=1) as rig:
        batch = rig.create(chats(3))
        rig.clock.advance(86_400)
        document = rig.http.get(f"/v1/batches/{batch.id}").json()
        assert strictly(Batch, document).status == "expired"


def test_files_are_what_the_official_types_say(rig: Rig) -> None:
    batch = rig.finish([chat("a"), chat("b", n=0)])
    documents = rig.http.get("/v1/files").json()["data"]
    assert {document["id"] for document in documents} == {
        *(batch.input_file_id, batch.output_file_id, batch.error_file_id)
    }
    for document in documents:
        assert tuple(document) == FILE_KEYS
        strictly(FileObject, document)
    deleted = rig.http.delete(f"/v1/files/{batch.input_file_id}").json()
    strictly(FileDeleted, deleted)


def test_ids_look_like_the_services(rig: Rig) -> None:
    batch = rig.finish(chats(1))
    assert re.fullmatch(r"file-[A-Za-z0-9]{22}", batch.input_file_id)
    assert re.fullmatch(r"batch_[0-9a-f]{32}", batch.id)
    assert int(batch.id[6:14], 16) == batch.created_at
    (row,) = rig.rows(batch.output_file_id)
    assert re.fullmatch(r"batch_req_[0-9a-f]{32}", row["id"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", row["response"]["request_id"])


def test_replies_have_the_services_headers_and_layout(rig: Rig) -> None:
    reply = rig.http.get("/v1/batches", headers={"openai-project": "proj_7"})
    assert reply.headers["openai-version"] == "2020-10-01"
    assert reply.headers["openai-project"] == "proj_7"
    assert reply.headers["openai-processing-ms"].isdecimal()
    assert re.fullmatch(r"req_[0-9a-f]{32}", reply.headers["x-request-id"])
    assert reply.headers["content-type"] == "application/json"
    assert reply.text == json.dumps(reply.json(), indent=2) + "\n"


def test_result_lines_are_spaced_as_python_does_it(rig: Rig) -> None:
    batch = rig.finish([chat("ünï cödé 日本"), chat("bad", n=0)])
    for file_id in (batch.output_file_id, batch.error_file_id):
        content = rig.client.files.content(file_id or "").text
        assert content.endswith("}\n")
        for line in content.splitlines():
            assert line == json.dumps(json.loads(line), ensure_ascii=False)


def test_errors_have_all_four_keys(rig: Rig) -> None:
    error = rig.http.get("/v1/batches/batch_x").json()["error"]
    assert error == {
        "message": "No batch found with id 'batch_x'.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_an_unknown_file_is_a_404_with_the_services_words(rig: Rig) -> None:
    for call in (rig.client.files.retrieve, rig.client.files.content, rig.client.files.delete):
        with pytest.raises(NotFoundError, match="No such File object: file-x"):
            call("file-x")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("PUT", "/v1/files"), ("GET", "/batches"), ("GET", "/v1/batches/")],
)
def test_an_unknown_url_is_a_404_in_the_services_shape(rig: Rig, method: str, path: str) -> None:
    reply = rig.http.request(method, path)
    assert reply.status_code == 404
    assert reply.json()["error"]["message"] == f"Invalid URL ({method} {path})"


@pytest.mark.parametrize("credential", ["", "Bearer", "Basic sk-good", "Bearer wrong-0123456789"])
def test_a_caller_without_a_good_key_is_refused_everywhere(rig: Rig, credential: str) -> None:
    headers = {"authorization": credential}
    for method, path in (
        *(("GET", "/v1/files"), ("POST", "/v1/files"), ("GET", "/v1/batches")),
        *(("POST", "/v1/batches"), ("GET", "/v1/files/x/content"), ("DELETE", "/v1/files/x")),
    ):
        reply = rig.http.request(method, path, headers=headers)
        assert reply.status_code == 401
        assert "wrong-0123456789" not in reply.text


def test_only_the_given_keys_are_accepted_when_some_are_given() -> None:
    with rigged(keys=["sk-one", "sk-two"]) as rig:
        assert rig.client.api_key == "sk-one"
        assert rig.client.batches.list().data == []
        with OpenAI(api_key="sk-three", base_url=rig.client.base_url, max_retries=0) as stranger:
            with pytest.raises(AuthenticationError) as caught:
                stranger.batches.list()
            assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input_file_id": None}, "input_file_id", "missing_required_parameter"),
        ({"input_file_id": 7}, "input_file_id", "invalid_type"),
        ({"endpoint": None}, "endpoint", "missing_required_parameter"),
        ({"endpoint": "/v1/audio"}, "endpoint", "invalid_value"),
        ({"completion_window": None}, "completion_window", "missing_required_parameter"),
        ({"completion_window": "48h"}, "completion_window", "invalid_value"),
        ({"surprise": 1}, "surprise", "unknown_parameter"),
        ({"metadata": []}, "metadata", "invalid_type"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        (
            {"metadata": {str(number): "" for number in range(17)}},
            "metadata",
            "object_above_max_properties",
        ),
        ({"metadata": {"k" * 65: ""}}, "metadata", "string_above_max_length"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        ({"output_expires_after": 3600}, "output_expires_after", "invalid_type"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            "output_expires_after.seconds",
            "integer_below_min_value",
        ),
        (
            {"output_expires_after": {"seconds": 3600}},
            "output_expires_after.anchor",
            "missing_required_parameter",
        ),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 3600, "x": 1}},
            "output_expires_after.x",
            "unknown_parameter",
        ),
    ],
)
def test_a_wrong_create_is_refused(rig: Rig, change: dict[str, Any], param: str, code: str) -> None:
    reply = rig.http.post("/v1/batches", json=ORDER | change)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert rig.client.batches.list().data == []


def test_the_largest_metadata_is_echoed(rig: Rig) -> None:
    metadata = {f"{number:064}": "é" * 512 for number in range(16)}
    reply = rig.http.post("/v1/batches", json=ORDER | {"metadata": metadata})
    assert reply.json()["metadata"] == metadata


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"[" * 100_000])
def test_a_create_that_is_no_json_object_is_refused(rig: Rig, body: bytes) -> None:
    reply = rig.http.post("/v1/batches", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_create_of_megabytes_is_refused(rig: Rig) -> None:
    assert rig.http.post("/v1/batches", content=b" " * 2_000_000).status_code == 413


def test_batches_are_listed_newest_first_and_each_once(rig: Rig) -> None:
    created = []
    for _ in range(7):
        created.append(rig.http.post("/v1/batches", json=ORDER).json()["id"])
        rig.clock.advance(0.4)
    assert [batch.id for batch in rig.client.batches.list(limit=2)] == created[::-1]
    page = rig.http.get("/v1/batches", params={"limit": 3, "after": created[5]}).json()
    assert [batch["id"] for batch in page["data"]] == created[4:1:-1]
    assert (page["first_id"], page["last_id"]) == (created[4], created[2])
    assert page["has_more"] is True


def test_a_walk_is_not_disturbed_by_a_new_batch(rig: Rig) -> None:
    created = [rig.http.post("/v1/batches", json=ORDER).json()["id"] for _ in range(5)]
    walk = []
    for batch in rig.client.batches.list(limit=2):
        walk.append(batch.id)
        rig.http.post("/v1/batches", json=ORDER)
    assert walk == created[::-1]


def test_an_empty_list_has_no_first_and_no_last(rig: Rig) -> None:
    for path in ("/v1/batches", "/v1/files"):
        page = rig.http.get(path).json()
        assert page == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }


def test_a_page_of_batches_holds_twenty_unless_told_otherwise(rig: Rig) -> None:
    for _ in range(21):
        rig.http.post("/v1/batches", json=ORDER)
    page = rig.http.get("/v1/batches").json()
    assert (len(page["data"]), page["has_more"]) == (20, True)
    page = rig.http.get("/v1/batches?limit=21").json()
    assert (len(page["data"]), page["has_more"]) == (21, False)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("batches?limit=0", 400),
        ("batches?limit=101", 400),
        ("batches?limit=many", 400),
        ("batches?after=batch_x", 404),
        ("batches?order=asc", 400),
        ("batches?status=completed", 400),
        ("files?limit=0", 400),
        ("files?limit=10001", 400),
        ("files?after=file-x", 404),
        ("files?order=sideways", 400),
    ],
)
def test_a_wrong_page_is_refused(rig: Rig, query: str, status: int) -> None:
    assert rig.http.get(f"/v1/{query}").status_code == status


def test_files_are_listed_in_either_order_and_by_purpose(rig: Rig) -> None:
    ids = []
    for number in range(5):
        purpose: Any = "batch" if number % 2 else "user_data"
        file = rig.client.files.create(file=(f"{number}.jsonl", b"x"), purpose=purpose)
        ids.append(file.id)
    assert [file.id for file in rig.client.files.list(limit=2)] == ids[::-1]
    assert [file.id for file in rig.client.files.list(limit=2, order="asc")] == ids
    assert [file.id for file in rig.client.files.list(purpose="batch")] == [ids[3], ids[1]]


def test_result_files_are_listed_as_soon_as_the_batch_has_ended(rig: Rig) -> None:
    batch = rig.create(chats(1))
    rig.clock.advance(LONG_ENOUGH)
    purposes = {file.purpose for file in rig.client.files.list()}
    assert purposes == {"batch", "batch_output"}
    assert (
        rig.client.files.list(purpose="batch_output").data[0].id == rig.again(batch).output_file_id
    )


def test_a_batch_outside_the_enum_is_refused_through_the_official_client(rig: Rig) -> None:
    endpoint: Any = "/v1/audio/speech"
    with pytest.raises(BadRequestError, match="Supported values are: '/v1/responses'"):
        rig.client.batches.create(
            input_file_id="file-x", endpoint=endpoint, completion_window="24h"
        )
