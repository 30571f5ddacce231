from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from batchyard.effects import Reply
from batchyard.models import (
    Batch,
    BatchDeleted,
    BatchRequest,
    Call,
    FileDeleted,
    FileObject,
    FileUpload,
    Finding,
    Page,
    PageRequest,
    Ref,
    Usage,
)
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, Golden, ProviderSuite, Scenario
from batchyard_vertex._labels import labels_of

SECRET = {
    "type": "authorized_user",
    "client_id": "9f27c1-client-SECRET-51.apps.example",
    "client_secret": "k3x-client-SECRET-9a7b",
    "refresh_token": "1//refresh-SECRET-0a9b8c7d",
}
CREATED_AT = 1_790_000_000  # where the suite's clock begins
TIME = "2026-09-21T14:13:20.153782Z"
RANDOM = "0123456789abcdef0123456789abcdef"
FILE_ID = f"file-{(1 << 44) - CREATED_AT * 1000:011x}-{RANDOM}"
MARKED_ID = f"file-{(1 << 44) - CREATED_AT * 1000:011x}-by_7f3a"
MARKED = Call("vertex", marker="by_7f3a")

LINE = json.dumps(
    {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "Hi"}]},
    }
).encode()
CONTENT = LINE + b"\n"
SENT = (
    b'{"custom_id":"by-1","request":{"contents":[{"parts":[{"text":"Hi"}],"role":"user"}],'
    b'"labels":{"batchyard_id":"by-1"}}}\n'
)
IDS = b'{"dialect":"gemini","model":"gemini-2.5-flash"}\n["a","211acd2420f60279"]\n'
ABOUT = {
    "filename": "in.jsonl",
    "bytes": str(len(CONTENT)),
    "lines": "1",
    "left_out": "0",
    "model": "gemini-2.5-flash",
    "endpoint": "/v1/chat/completions",
}
STATE = {
    "lines": "1",
    "left_out": "0",
    "model": "gemini-2.5-flash",
    "endpoint": "/v1/chat/completions",
}
NUMBER = "1234567890123456789"
NAME = f"projects/123456789012/locations/us-central1/batchPredictionJobs/{NUMBER}"
BATCH_ID = f"batch_us-central1_{NUMBER}"
DIRECTORY = f"batchyard/jobs/{RANDOM}/prediction-model-2026-09-21T14:14:00.166279Z"
JOB_RIGHTS = [f"aiplatform.batchPredictionJobs.{verb}" for verb in ("create", "get", "cancel")]
STORAGE_RIGHTS = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]
AGENTS = "gcp-sa-aiplatform.iam.gserviceaccount.com"
JOBS = "/v1/projects/my-project/locations/us-central1/batchPredictionJobs"


def answer(value: object) -> Reply:
    return Reply(200, {"content-type": "application/json"}, json.dumps(value).encode())


def media(data: bytes) -> Reply:
    return Reply(200, {"content-length": str(len(data)), "etag": '"1"'}, data)


def has(*parts: bytes) -> Callable[[bytes], bool]:
    return lambda body: all(part in body for part in parts)


def stored(name: str, size: int, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "kind": "storage#object",
        "name": name,
        "size": str(size),
        "timeCreated": TIME,
        "metadata": metadata or {},
    }


def quoted(name: str) -> str:
    return name.replace("/", "%2F").replace(":", "(:|%3A)").replace(".", "[.]")


def deletes(name: str) -> Exchange:
    return Exchange(f"DELETE .*{quoted(name)}$", Reply(204, {}, b""))


def uploads(name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> Exchange:
    return Exchange(
        f"POST .*/upload/storage/v1/b/my-bucket/o[?]uploadType=multipart&name={quoted(name)}"
        "&ifGenerationMatch=0$",
        answer(stored(name, len(data), metadata)),
        has(data, json.dumps(name).encode()),
    )


def uploaded(file_id: str) -> list[Exchange]:
    data = f"batchyard/data/{file_id}"
    record = f"batchyard/files/{file_id}.json"
    about = json.dumps(ABOUT, separators=(",", ":")).encode()
    return [
        TOKEN,
        uploads(f"{data}/original.jsonl", CONTENT),
        uploads(f"{data}/input.jsonl", SENT),
        uploads(f"{data}/ids.jsonl", IDS),
        uploads(record, about, ABOUT),
        described(file_id),
    ]


def described(file_id: str) -> Exchange:
    record = f"batchyard/files/{file_id}.json"
    return Exchange(
        f"GET .*/storage/v1/b/my-bucket/o/{quoted(record)}$", answer(stored(record, 99, ABOUT))
    )


def file(file_id: str = FILE_ID) -> FileObject:
    return FileObject(
        id=file_id,
        bytes=len(CONTENT),
        created_at=CREATED_AT,
        filename="in.jsonl",
        purpose="batch",
        status="processed",
        provider_state=STATE,
    )


def job(token: str = RANDOM, **more: object) -> dict[str, Any]:
    return {
        "name": NAME,
        "displayName": f"batchyard-{token}",
        "model": "publishers/google/models/gemini-2.5-flash",
        "inputConfig": {
            "instancesFormat": "jsonl",
            "gcsSource": {"uris": [f"gs://my-bucket/batchyard/data/{FILE_ID}/input.jsonl"]},
        },
        "state": "JOB_STATE_PENDING",
        "createTime": TIME,
        "labels": {
            "batchyard-file": FILE_ID,
            "batchyard-endpoint": "chat-completions",
            "batchyard-lines": "1",
            "batchyard-left-out": "0",
        },
        **more,
    }


ENDED: dict[str, Any] = {
    "state": "JOB_STATE_SUCCEEDED",
    "startTime": "2026-09-21T14:14:00Z",
    "endTime": "2026-09-21T14:15:00Z",
    "outputInfo": {"gcsOutputDirectory": f"gs://my-bucket/{DIRECTORY}"},
    "completionStats": {"successfulCount": "1"},
}
WITH_METADATA: dict[str, Any] = {"labels": {**job()["labels"], **labels_of({"team": "search"})}}
FOREIGN = job(
    name=NAME[:-1] + "0", inputConfig={"gcsSource": {"uris": ["gs://other/in.jsonl"]}}, labels=None
)


def batch(**more: object) -> Batch:
    state = {"job": NAME, "input": FILE_ID, "output": None, "status": "validating", "rows": None}
    return Batch.model_validate(
        {
            "id": BATCH_ID,
            "endpoint": "/v1/chat/completions",
            "model": "gemini-2.5-flash",
            "input_file_id": FILE_ID,
            "completion_window": "24h",
            "status": "validating",
            "created_at": CREATED_AT,
            "expires_at": CREATED_AT + 72 * 3600,
            "request_counts": {"total": 1, "completed": 0, "failed": 0},
            "provider_state": state,
            **more,
        }
    )


def ended() -> Batch:
    return batch(
        status="completed",
        in_progress_at=CREATED_AT + 40,
        expires_at=CREATED_AT + 40 + 24 * 3600,
        completed_at=CREATED_AT + 100,
        output_file_id=f"file-output-us-central1-{NUMBER}",
        error_file_id=f"file-error-us-central1-{NUMBER}",
        request_counts={"total": 1, "completed": 1, "failed": 0},
        provider_state={
            "job": NAME,
            "input": FILE_ID,
            "output": DIRECTORY,
            "status": "completed",
            "rows": 1,
        },
    )


def orders(token: str) -> Callable[[bytes], bool]:
    def check(body: bytes) -> bool:
        order = json.loads(body)
        prefix = order["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        return bool(
            order["displayName"] == f"batchyard-{token}"
            and order["model"] == "publishers/google/models/gemini-2.5-flash"
            and order["inputConfig"]["gcsSource"]["uris"]
            == [f"gs://my-bucket/batchyard/data/{FILE_ID}/input.jsonl"]
            and prefix == f"gs://my-bucket/batchyard/jobs/{token}"
        )

    return check


def listed(terms: str, *jobs: Mapping[str, Any]) -> Exchange:
    return Exchange(
        f"GET .*{JOBS}[?]filter={terms}",
        answer({"batchPredictionJobs": jobs} if jobs else {}),
        empty_is_right=True,
    )


ROW = {
    "status": "",
    "processed_time": "2026-09-21T14:15:00.1+00:00",
    "request": {"labels": {"batchyard_id": "by-1"}},
    "response": {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}
        ],
        "responseId": "r1",
        "modelVersion": "gemini-2.5-flash@default",
        "usageMetadata": {
            "promptTokenCount": 4,
            "candidatesTokenCount": 2,
            "totalTokenCount": 6,
        },
    },
}
RESULT = {
    "id": f"batch_req_{NUMBER}_1",
    "custom_id": "a",
    "response": {
        "status_code": 200,
        "request_id": "r1",
        "body": {
            "id": "r1",
            "object": "chat.completion",
            "created": CREATED_AT + 100,
            "model": "gemini-2.5-flash",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hello", "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 4,
                "completion_tokens": 2,
                "total_tokens": 6,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
        },
    },
    "error": None,
}
FAILED_ROW = {
    "custom_id": "by-2",
    "status": 'Bad Request: {"error": {"code": 400, "message": "No.", "status": "FAILED"}}',
    "request": {},
    "response": {},
}
FAILURE = {
    "id": f"batch_req_{NUMBER}_2",
    "custom_id": "b",
    "response": {
        "status_code": 400,
        "request_id": "",
        "body": {
            "error": {
                "message": "No.",
                "type": "invalid_request_error",
                "param": None,
                "code": "FAILED",
            }
        },
    },
    "error": None,
}
TOKEN = Exchange(
    "POST .*/token$",
    answer({"access_token": "ya29.conformance", "expires_in": 3599, "token_type": "Bearer"}),
    has(b"grant_type=refresh_token"),
)
JOB = Exchange(f"GET .*{JOBS}/{NUMBER}$", answer(job()))
ENDED_JOB = Exchange(f"GET .*{JOBS}/{NUMBER}$", answer(job(**ENDED)))
READ_IDS = Exchange(
    f"GET .*{quoted(f'batchyard/data/{FILE_ID}/ids.jsonl')}[?]alt=media$",
    media(IDS + b'["b","fee83e9dd2c190be"]\n'),
)
SHARDS = Exchange(
    "GET .*/storage/v1/b/my-bucket/o[?]prefix=batchyard%2Fjobs%2F",
    answer(
        {
            "kind": "storage#objects",
            "items": [
                stored(f"{DIRECTORY}/incremental_stats.json", 2),
                stored(f"{DIRECTORY}/predictions.jsonl", 400),
            ],
        }
    ),
)
READ_ROWS = Exchange(
    "GET .*predictions[.]jsonl[?]alt=media$",
    media(b"".join(json.dumps(row).encode() + b"\n" for row in (FAILED_ROW, ROW))),
)


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: RANDOM)


class TestVertex(ProviderSuite):
    provider = "vertex"
    states = {  # noqa: RUF012 - a ClassVar of the suite
        "JOB_STATE_PENDING": "validating",
        "JOB_STATE_QUEUED": "validating",
        "JOB_STATE_RUNNING": "in_progress",
        "JOB_STATE_CANCELLING": "cancelling",
    }
    goldens = (
        Golden(
            "answered",
            CONTENT,
            json.loads(SENT),
            ROW,
            RESULT,
            Usage(4, 2),
            through="output",
        ),
        Golden(
            "refused",
            CONTENT,
            json.loads(SENT),
            FAILED_ROW,
            FAILURE,
            outcome="error",
            through="errors",
        ),
    )
    settings = {  # noqa: RUF012 - a ClassVar of the suite
        "project": "my-project",
        "bucket": "my-bucket",
        "credentials": json.dumps(SECRET),
        "token_url": "https://oauth2.example/token",
    }
    scenarios = (
        Scenario(
            "upload_file",
            {"file": FileUpload(BytesSource(CONTENT), "in.jsonl")},
            uploaded(FILE_ID),
            file(),
        ),
        Scenario(
            "upload_file",
            {"call": MARKED, "file": FileUpload(BytesSource(CONTENT), "in.jsonl")},
            uploaded(MARKED_ID),
            file(MARKED_ID),
            name="marked",
        ),
        Scenario("retrieve_file", {"file": Ref(FILE_ID)}, [TOKEN, described(FILE_ID)], file()),
        Scenario(
            "retrieve_file",
            {"file": Ref(f"file-output-us-central1-{NUMBER}")},
            [TOKEN, ENDED_JOB, SHARDS],
            FileObject(
                id=f"file-output-us-central1-{NUMBER}",
                created_at=CREATED_AT + 100,
                filename=f"{BATCH_ID}_output.jsonl",
                purpose="batch_output",
                status="processed",
            ),
            name="results",
        ),
        Scenario(
            "delete_file",
            {"file": Ref(FILE_ID)},
            [
                TOKEN,
                deletes(f"batchyard/data/{FILE_ID}/original.jsonl"),
                deletes(f"batchyard/data/{FILE_ID}/input.jsonl"),
                listed(f"labels.batchyard-file%3D%22{FILE_ID}%22"),
                deletes(f"batchyard/data/{FILE_ID}/ids.jsonl"),
                deletes(f"batchyard/files/{FILE_ID}.json"),
            ],
            FileDeleted(id=FILE_ID),
        ),
        Scenario(
            "delete_file",
            {"file": Ref(f"file-error-us-central1-{NUMBER}", ended().provider_state)},
            [TOKEN, SHARDS, uploads(f"{DIRECTORY}/deleted-error", b"")],
            FileDeleted(id=f"file-error-us-central1-{NUMBER}"),
            name="errors",
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after=MARKED_ID, limit=1, purpose="batch")},
            [
                TOKEN,
                Exchange(
                    f"GET .*/o[?]prefix=batchyard%2Ffiles%2F&startOffset=.*{MARKED_ID}.json~&max",
                    answer(
                        {
                            "kind": "storage#objects",
                            "items": [stored(f"batchyard/files/{FILE_ID}.json", 99, ABOUT)],
                            "nextPageToken": "more",
                        }
                    ),
                ),
            ],
            Page[FileObject](data=[file()], first_id=FILE_ID, last_id=FILE_ID, has_more=True),
        ),
        Scenario(
            "file_content",
            {"file": Ref(FILE_ID)},
            [
                TOKEN,
                Exchange(
                    f"GET .*{quoted(f'batchyard/data/{FILE_ID}/original.jsonl')}[?]alt=media$",
                    media(CONTENT * 20),
                ),
            ],
            CONTENT * 20,
            name="input",
        ),
        Scenario(
            "file_content",
            {"file": Ref(f"file-output-us-central1-{NUMBER}")},
            [TOKEN, ENDED_JOB, SHARDS, READ_IDS, READ_ROWS],
            json.dumps(RESULT, separators=(",", ":")).encode() + b"\n",
            name="output",
        ),
        Scenario(
            "file_content",
            {"file": Ref(f"file-error-us-central1-{NUMBER}", ended().provider_state)},
            [TOKEN, SHARDS, READ_IDS, READ_ROWS],
            json.dumps(FAILURE, separators=(",", ":")).encode() + b"\n",
            name="errors",
        ),
        Scenario(
            "create_batch",
            {"batch": BatchRequest(Ref(FILE_ID), "/v1/chat/completions")},
            [TOKEN, described(FILE_ID), Exchange(f"POST .*{JOBS}$", answer(job()), orders(RANDOM))],
            batch(),
            also=[listed("display_name")],
            found=[listed("display_name", job())],
        ),
        Scenario(
            "create_batch",
            {
                "call": MARKED,
                "batch": BatchRequest(
                    Ref(FILE_ID, STATE),
                    "/v1/chat/completions",
                    metadata={"team": "search"},
                    models=("gemini-2.5-flash",),
                ),
            },
            [
                TOKEN,
                Exchange(
                    f"POST .*{JOBS}$", answer(job("by_7f3a", **WITH_METADATA)), orders("by_7f3a")
                ),
            ],
            batch(metadata={"team": "search"}),
            also=[listed("display_name%3D%22batchyard-by_7f3a%22")],
            found=[
                listed("display_name%3D%22batchyard-by_7f3a%22", job("by_7f3a", **WITH_METADATA))
            ],
            name="marked",
        ),
        Scenario("retrieve_batch", {"batch": Ref(BATCH_ID)}, [TOKEN, JOB], batch()),
        Scenario(
            "retrieve_batch",
            {"batch": Ref(NUMBER)},
            [TOKEN, Exchange(JOB.pattern, answer(job(**WITH_METADATA)))],
            batch(metadata={"team": "search"}),
            name="with-metadata",
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [TOKEN, Exchange(f"POST .*{JOBS}/{NUMBER}:cancel$", answer({})), JOB],
            batch(status="cancelling"),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [TOKEN, Exchange(f"POST .*{JOBS}/{NUMBER}:cancel$", Reply(400, {}, b"")), ENDED_JOB],
            ended(),
            name="ended",
        ),
        Scenario(
            "delete_batch",
            {"batch": Ref(BATCH_ID)},
            [
                TOKEN,
                ENDED_JOB,
                SHARDS,
                deletes(f"{DIRECTORY}/incremental_stats.json"),
                deletes(f"{DIRECTORY}/predictions.jsonl"),
                described(FILE_ID),
                Exchange(f"DELETE .*{JOBS}/{NUMBER}$", answer({"done": True})),
            ],
            BatchDeleted(id=BATCH_ID),
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [TOKEN, listed("labels.batchyard-file%3A%2A&pageSize=2$", job(), FOREIGN)],
            Page[Batch](data=[batch()], first_id=BATCH_ID, last_id=BATCH_ID),
        ),
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [
                TOKEN,
                Exchange(
                    "GET .*/o[?]prefix=batchyard%2Ffiles%2F.*matchGlob=.*-by_7f3a.json",
                    answer(
                        {
                            "kind": "storage#objects",
                            "items": [stored(f"batchyard/files/{MARKED_ID}.json", 99, ABOUT)],
                        }
                    ),
                ),
            ],
            file(MARKED_ID),
        ),
        Scenario(
            "find_batch",
            {"marker": "by_7f3a", "input_file": Ref(FILE_ID), "since": float(CREATED_AT)},
            [TOKEN, listed(f"display_name.*batchyard-file%3D%22{FILE_ID}", FOREIGN, job())],
            batch(),
        ),
        Scenario(
            "check_account",
            {},
            [
                TOKEN,
                Exchange("GET .*/v3/projects/my-project$", answer({"name": "projects/1"})),
                listed("labels.*pageSize=1$"),
                Exchange(
                    "POST .*/v3/projects/my-project:testIamPermissions$",
                    answer({"permissions": JOB_RIGHTS}),
                    has(*(one.encode() for one in JOB_RIGHTS)),
                ),
                Exchange(
                    "GET .*/b/my-bucket$",
                    answer({"name": "my-bucket", "location": "US-CENTRAL1", "projectNumber": "1"}),
                ),
                Exchange(
                    "GET .*/b/my-bucket/iam/testPermissions[?]permissions=storage.objects.create&",
                    answer(
                        {
                            "kind": "storage#testIamPermissionsResponse",
                            "permissions": STORAGE_RIGHTS,
                        }
                    ),
                ),
                Exchange(
                    "GET .*/b/my-bucket/iam$",
                    answer(
                        {
                            "kind": "storage#policy",
                            "bindings": [
                                {
                                    "role": "roles/storage.objectUser",
                                    "members": [f"serviceAccount:service-1@{AGENTS}"],
                                }
                            ],
                        }
                    ),
                ),
            ],
            [
                Finding("ok", "credentials", "a token"),
                Finding("ok", "project", "there"),
                Finding("ok", "api", "enabled"),
                Finding("ok", "jobs", "listed"),
                Finding("ok", "caller", "rights"),
                Finding("ok", "bucket", "near"),
                Finding("ok", "bucket caller", "rights"),
                Finding("ok", "service agent", "rights"),
            ],
        ),
    )

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url, "storage_base_url": url, "token_url": f"{url}/token"}
