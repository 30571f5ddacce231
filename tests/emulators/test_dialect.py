"""The seams by which another service that speaks the protocol differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from batchyard.emulators.openai_wire import ApiError, Dialect, Model, OpenAIWireEmulator
from tests.emulators.parts import Hands, jsonl, request

HEADERS = {"api-key": "secret"}


class Elsewhere(Dialect):
    bases = ("/service", "/service/v1")
    endpoints = ("/chat/completions", "/v1/chat/completions")
    upload_status = 201
    create_status = 201
    processing_seconds = 5
    window_seconds = None
    has_empty_error_file = True
    issue_codes: Mapping[str, str] = {"mismatched_model": "model_mismatch"}

    def authenticate(self, headers: Mapping[str, str]) -> None:
        if headers.get("api-key") not in self.keys:
            raise ApiError("Access denied.", status=401, code="401")

    def check_request(self, request: Request) -> None:
        if not request.url.path.startswith("/service/v1") and not request.query_params:
            raise ApiError("Resource not found", status=404, code="404")

    def check_input_file(self, state: str | None) -> None:
        if state != "processed":
            raise ApiError("The file is not processed yet.", code="unexpectedEntityState")

    def canonical_endpoint(self, endpoint: str) -> str:
        return f"/v1/{endpoint.removeprefix('/v1').lstrip('/')}"

    def find_model(self, name: str) -> Model | None:
        return Model("gpt-4o-2024-08-06") if name == "my-deployment" else None

    def error_document(self, error: ApiError) -> dict[str, Any]:
        return {"error": {"code": error.code, "message": error.message}}

    def upload_headers(self, file_id: str, request: Request) -> dict[str, str]:
        return {"location": f"{request.url}/{file_id}"}

    def batch_document(self, document: dict[str, Any]) -> dict[str, Any]:
        return document | {"status": document["status"].capitalize()}

    def row_document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {key: document[key] for key in ("custom_id", "response", "error")}

    def answer_document(self, document: dict[str, Any]) -> dict[str, Any]:
        return document | {"filtered": False}


class ElsewhereEmulator(OpenAIWireEmulator):
    name = "elsewhere"
    dialect = Elsewhere

    def environment(self, url: str) -> dict[str, str]:
        return {"ELSEWHERE_URL": url}


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def http(clock: Hands) -> Iterator[httpx.Client]:
    emulator = ElsewhereEmulator(clock=clock, time_scale=1, keys=["secret"])
    with (
        closing(emulator),
        emulator.serve() as server,
        httpx.Client(base_url=f"{server.url}/service/v1", headers=HEADERS) as client,
    ):
        yield client


def line(custom_id: str, model: str = "my-deployment") -> dict[str, Any]:
    messages = [{"role": "user", "content": "hi"}]
    return request("/chat/completions", custom_id, model=model, messages=messages)


def upload(http: httpx.Client, lines: list[Any]) -> httpx.Response:
    files = {"file": ("in.jsonl", jsonl(lines))}
    return http.post("/files", data={"purpose": "batch"}, files=files)


def order(file: str) -> dict[str, str]:
    return {"input_file_id": file, "endpoint": "/chat/completions", "completion_window": "24h"}


def run(http: httpx.Client, clock: Hands, lines: list[Any]) -> Any:
    file = upload(http, lines).json()["id"]
    clock.advance(5)
    batch = http.post("/batches", json=order(file))
    assert batch.status_code == 201
    clock.advance(300)
    return http.get(f"/batches/{batch.json()['id']}").json()


def test_a_service_has_its_own_paths_keys_and_errors(http: httpx.Client) -> None:
    dated = str(http.base_url).removesuffix("/v1/")
    assert http.get(f"{dated}/batches").json() == {
        "error": {"code": "404", "message": "Resource not found"}
    }
    assert http.get(f"{dated}/batches?api-version=1").status_code == 200
    assert http.get("/batches", headers={"api-key": "wrong"}).json() == {
        "error": {"code": "401", "message": "Access denied."}
    }


def test_a_file_may_be_pending_at_first(http: httpx.Client, clock: Hands) -> None:
    reply = upload(http, [line("a")])
    file = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"].endswith(f"/files/{file['id']}")
    assert file["status"] == "pending"
    refused = http.post("/batches", json=order(file["id"]))
    assert refused.json()["error"]["code"] == "unexpectedEntityState"
    clock.advance(5)
    assert http.get(f"/files/{file['id']}").json()["status"] == "processed"


def test_a_batch_may_look_different_and_have_an_empty_error_file(
    http: httpx.Client, clock: Hands
) -> None:
    batch = run(http, clock, [line("a")])
    assert batch["status"] == "Completed"
    assert batch["model"] == "gpt-4o-2024-08-06"
    assert batch["expires_at"] is None
    errors = http.get(f"/files/{batch['error_file_id']}/content")
    assert (errors.status_code, errors.content) == (200, b"")
    row = http.get(f"/files/{batch['output_file_id']}/content").json()
    assert list(row) == ["custom_id", "response", "error"]
    assert row["response"]["body"]["filtered"] is False


def test_codes_of_validation_may_have_other_names(http: httpx.Client, clock: Hands) -> None:
    batch = run(http, clock, [line("a"), line("b", model="other")])
    assert batch["status"] == "Failed"
    assert batch["errors"]["data"][0]["code"] == "model_mismatch"


def test_a_batch_without_a_window_never_expires(clock: Hands) -> None:
    emulator = ElsewhereEmulator(clock=clock, time_scale=5000, keys=["secret"])
    with (
        closing(emulator),
        emulator.serve() as server,
        httpx.Client(base_url=f"{server.url}/service/v1", headers=HEADERS) as http,
    ):
        file = upload(http, [line("a")]).json()["id"]
        clock.advance(25_000)
        batch = http.post("/batches", json=order(file)).json()["id"]
        clock.advance(10 * 86_400)
        assert http.get(f"/batches/{batch}").json()["status"] == "Completed"
