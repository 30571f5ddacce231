"""The emulated service, over plain HTTP and by the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest
from openai import OpenAI

from batchyard.registry import Registry
from batchyard.testing import ManualClock
from batchyard_azure.emulator import ALL_QUIRKS, AzureEmulator
from tests.azure.service import CHAT
from tests.client.requests import chat_lines
from tests.emulators.parts import TLS

KEY = "azure-test-0123456789"
PROCESSING, LONG_ENOUGH = 5, 300
BLOCKED = {"hate", "self_harm", "sexual", "violence"}


@dataclass
class Rig:
    """An emulator that serves at real speed, its clock, and plain HTTP to its v1 API."""

    emulator: AzureEmulator
    clock: ManualClock
    url: str
    http: httpx.Client

    def upload(self, lines: bytes, name: str = "in.jsonl") -> httpx.Response:
        form = {"purpose": "batch"}
        return self.http.post("/files", data=form, files={"file": (name, lines)})

    def create(self, file_id: str, endpoint: str = CHAT) -> httpx.Response:
        order = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        return self.http.post("/batches", json=order)

    def begin(self, lines: bytes, endpoint: str = CHAT) -> Any:
        file = self.upload(lines).json()
        self.clock.advance(PROCESSING)
        return self.create(file["id"], endpoint).json()

    def again(self, batch: Any) -> Any:
        return self.http.get(f"/batches/{batch['id']}").json()

    def finish(self, lines: bytes, endpoint: str = CHAT) -> Any:
        batch = self.begin(lines, endpoint)
        self.clock.advance(LONG_ENOUGH)
        return self.again(batch)

    def content(self, file_id: str) -> bytes:
        reply = self.http.get(f"/files/{file_id}/content")
        assert reply.status_code == 200
        return reply.content

    def rows(self, file_id: str) -> list[Any]:
        return [json.loads(line) for line in self.content(file_id).splitlines()]


@contextmanager
def rigged(**options: Any) -> Iterator[Rig]:
    clock = ManualClock()
    given: dict[str, Any] = {"clock": clock, "time_scale": 1.0, "latency": 0.0, "keys": [KEY]}
    with (
        closing(AzureEmulator(**{**given, **options})) as emulator,
        emulator.serve() as server,
        httpx.Client(
            base_url=f"{server.url}/openai/v1", headers={"api-key": KEY}, verify=TLS
        ) as http,
    ):
        yield Rig(emulator, clock, server.url, http)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rigged() as rig:
        yield rig


def test_it_is_found_by_the_providers_name_and_its_variables_make_an_account(rig: Rig) -> None:
    assert Registry({}).load("emulators", "azure") is AzureEmulator
    environ = rig.emulator.environment(rig.url)
    settings: Any = Registry(environ).settings("azure")[1]
    assert settings.base_url == f"{rig.url}/openai/v1"
    assert settings.api_key.get_secret_value() == KEY


@pytest.mark.parametrize("name", ["api-key", "authorization"])
def test_a_key_is_taken_in_either_header(rig: Rig, name: str) -> None:
    value = KEY if name == "api-key" else f"Bearer {KEY}"
    reply = httpx.get(f"{rig.url}/openai/v1/files", headers={name: value}, verify=TLS)
    assert reply.status_code == 200
    assert reply.headers["apim-request-id"]


def test_refusals_have_the_services_envelopes(rig: Rig) -> None:
    url = f"{rig.url}/openai/v1/files"
    missing = httpx.get(url, verify=TLS)
    assert (missing.status_code, set(missing.json())) == (401, {"statusCode", "message"})
    wrong = httpx.get(url, headers={"api-key": "wrong"}, verify=TLS)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "401")
    absent = rig.http.get("/files/file-none")
    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "notFound")
    assert set(absent.json()["error"]) == {"code", "message"}
    version = rig.http.get("/files", params={"api-version": "2024-10-21"})
    assert (version.status_code, version.json()["error"]["code"]) == (400, "invalidPayload")


@pytest.mark.parametrize("part", [b"", b"Content-Type: \r\n"])
def test_a_file_without_a_type_in_its_form_is_refused(rig: Rig, part: bytes) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    form += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n'
    reply = rig.http.post(
        "/files",
        content=form + part + b"\r\n{}\r\n--b--\r\n",
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert reply.status_code == 400
    assert "no or an empty content type" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/files", "/openai/v1/deployments/x/files", "/openai/deployments/x/batches"),
        *(
            "/openai/files",
            "/openai/files?api-version=2019-01-01",
            "/openai/batches?api-version=v1",
        ),
    ],
)
def test_another_path_is_no_resource(rig: Rig, path: str) -> None:
    reply = httpx.get(f"{rig.url}{path}", headers={"api-key": KEY}, verify=TLS)
    assert reply.status_code == 404
    assert reply.json() == {"error": {"code": "404", "message": "Resource not found"}}


def test_an_uploaded_file_is_processed_after_a_while_and_not_usable_before(rig: Rig) -> None:
    reply = rig.upload(chat_lines(1))
    file = reply.json()
    assert (reply.status_code, file["status"], file["expires_at"]) == (201, "pending", None)
    assert reply.headers["location"] == f"{rig.url}/openai/files/{file['id']}"
    early = rig.create(file["id"])
    assert early.status_code == 409
    assert early.json()["error"]["code"] == "unexpectedEntityState"
    rig.clock.advance(PROCESSING)
    assert rig.http.get(f"/files/{file['id']}").json()["status"] == "processed"
    assert rig.create(file["id"]).status_code == 201


def test_a_pending_file_is_taken_with_the_quirk_off() -> None:
    with rigged(quirks=["unprocessed-files-refused=0"]) as rig:
        assert rig.create(rig.upload(chat_lines(1)).json()["id"]).status_code == 201


def test_a_batch_is_expected_to_end_only_when_it_runs_and_late_ones_go_on() -> None:
    with rigged(time_scale=5000) as rig:
        file = rig.upload(chat_lines(1)).json()
        rig.clock.advance(PROCESSING * 5000)
        batch = rig.create(file["id"]).json()
        assert (batch["status"], batch["expires_at"]) == ("validating", None)
        assert set(batch).isdisjoint({"model", "usage"})
        while batch["status"] == "validating":
            rig.clock.advance(10_000)
            batch = rig.again(batch)
        assert batch["expires_at"] == batch["created_at"] + 86_400
        rig.clock.advance(10 * 86_400)
        assert rig.again(batch)["status"] == "completed"


def test_a_clean_run_has_an_error_file_of_no_bytes_and_rows_have_the_services_shape(
    rig: Rig,
) -> None:
    batch = rig.finish(chat_lines(3))
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    assert rig.content(batch["error_file_id"]) == b""
    for row in rig.rows(batch["output_file_id"]):
        assert list(row) == ["custom_id", "response", "error"]
        assert list(row["response"]) == ["body", "request_id", "status_code"]
        body = row["response"]["body"]
        assert set(body["choices"][0]["content_filter_results"]) == BLOCKED
        assert set(body["prompt_filter_results"][0]["content_filter_results"]) == BLOCKED


def test_a_prompt_that_breaks_the_policy_is_filtered(rig: Rig) -> None:
    messages = [{"role": "user", "content": "[[flagged]]"}]
    batch = rig.finish(chat_lines(1, messages=messages))
    assert batch["output_file_id"] is None
    (row,) = rig.rows(batch["error_file_id"])
    error = row["response"]["body"]["error"]
    assert (row["response"]["status_code"], error["status"]) == (400, 400)
    assert (error["code"], error["type"], error["param"]) == ("content_filter", None, "prompt")
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"


def test_lines_may_ask_for_responses_or_by_the_dated_apis_endpoint(rig: Rig) -> None:
    dated = chat_lines(1).replace(CHAT.encode(), b"/chat/completions")
    assert rig.finish(dated, "/chat/completions")["status"] == "completed"
    line = json.loads(chat_lines(1))
    line["url"], line["body"] = "/v1/responses", {"model": "gpt-4.1-mini", "input": "hi"}
    batch = rig.finish(json.dumps(line).encode(), "/v1/responses")
    (row,) = rig.rows(batch["output_file_id"])
    assert row["response"]["body"]["object"] == "response"


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (chat_lines(1, model="gpt-4.1-mini-batch"), None, None),
        (chat_lines(1, model="nobody"), "model_not_found", 1),
        (chat_lines(1) + chat_lines(1, prefix="x", model="gpt-4o"), "model_mismatch", 2),
        (chat_lines(1).replace(b"/v1/chat", b"/chat"), "url_mismatch", 1),
        (b"\xef\xbb\xbf" + chat_lines(1), "invalid_request", 1),
        (b"", "empty_file", None),
    ],
)
def test_a_file_is_validated_as_the_service_does(
    rig: Rig, lines: bytes, code: str | None, line: int | None
) -> None:
    batch = rig.finish(lines)
    assert batch["status"] == ("failed" if code else "completed")
    if code:
        (problem,) = batch["errors"]["data"]
        assert (problem["code"], problem["line"]) == (code, line)


def test_only_deployments_that_are_there_can_be_named() -> None:
    with rigged(deployments={"ours": "gpt-4o"}) as rig:
        assert rig.finish(chat_lines(1, model="ours"))["status"] == "completed"
        batch = rig.finish(chat_lines(1, model="gpt-4o"))
        assert batch["errors"]["data"][0]["code"] == "model_not_found"


def test_a_full_queue_fails_the_batch_and_names_the_deployment() -> None:
    limits = {"gpt-4.1-mini": 1}
    with rigged(enqueued_token_limits=limits) as rig:
        (problem,) = rig.finish(chat_lines(9))["errors"]["data"]
        assert problem["code"] == "token_limit_exceeded"
        assert "for the deployment 'gpt-4.1-mini'" in problem["message"]


def test_a_batch_that_has_ended_cannot_be_cancelled(rig: Rig) -> None:
    batch = rig.finish(chat_lines(1))
    reply = rig.http.post(f"/batches/{batch['id']}/cancel")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "conflict")


def test_quirks_are_seen_only_when_they_are_asked_for() -> None:
    with rigged(quirks=[ALL_QUIRKS, "queue-full=0", "failed-with-stamps=0"]) as rig:
        file = rig.upload(chat_lines(1) + b"{").json()
        assert (file["status"], file["bytes"]) == ("Pending", None)
        assert file["created_at"].endswith(".2491382+00:00")
        rig.clock.advance(PROCESSING)
        refused = rig.create(file["id"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            400,
            "token_limit_exceeded",
        )
        batch = rig.create(file["id"]).json()
        assert (batch["status"], batch["endpoint"]) == ("Validating", "")
        assert (batch["output_file_id"], batch["error_file_id"]) == ("", "")
        assert batch["request_counts"] == {"total": None, "completed": None, "failed": None}
        rig.clock.advance(LONG_ENOUGH)
        batch = rig.again(batch)
        assert (batch["status"], batch["errors"]["data"][0]["line"]) == ("Failed", "2")
        running = rig.begin(chat_lines(1))
        rig.clock.advance(75)
        assert rig.again(running)["status"] == "InProgress"


def test_the_official_client_runs_a_batch_unmodified(rig: Rig) -> None:
    with (
        httpx2.Client(verify=TLS) as transport,
        OpenAI(
            api_key=KEY,
            base_url=f"{rig.url}/openai/v1",
            max_retries=0,
            http_client=transport,
        ) as client,
    ):
        file = client.files.create(file=("in.jsonl", chat_lines(2)), purpose="batch")
        rig.clock.advance(PROCESSING)
        assert client.files.retrieve(file.id).status == "processed"
        batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        rig.clock.advance(LONG_ENOUGH)
        batch = client.batches.retrieve(batch.id)
        assert batch.status == "completed"
        assert [one.id for one in client.batches.list()] == [batch.id]
        assert len(client.files.content(batch.output_file_id or "").text.splitlines()) == 2
