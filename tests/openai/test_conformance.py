from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from batchyard.effects import Reply
from batchyard.models import (
    Batch,
    BatchRequest,
    Call,
    ExpiresAfter,
    FileDeleted,
    FileObject,
    FileUpload,
    Finding,
    Page,
    PageRequest,
    Ref,
)
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, ProviderSuite, Scenario
from tests.providers.goldens import STATUSES, openai_goldens

LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"x"}}\n'
)
CONTENT = b'{"custom_id":"a","response":{"status_code":200,"body":{}},"error":null}\n' * 20
CREATED_AT = 1_790_000_000  # where the suite's clock begins
MARKED = Call("openai", marker="by_7f3a")

FILE: dict[str, Any] = {
    "id": "file-1",
    "object": "file",
    "bytes": len(LINE),
    "created_at": CREATED_AT,
    "filename": "by_7f3a.jsonl",
    "purpose": "batch",
    "status": "processed",
}
BATCH: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "errors": None,
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": CREATED_AT,
    "expires_at": CREATED_AT + 86_400,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": {"team": "search"},
}
MARKED_BATCH = {**BATCH, "metadata": {"team": "search", "batchyard_marker": "by_7f3a"}}
OLDER_BATCH = {**BATCH, "id": "batch_0", "metadata": None, "input_file_id": "file-0"}
ENDED_BATCH = {**BATCH, "status": "completed", "output_file_id": "file-2"}

ORDER = BatchRequest(
    Ref("file-1"), "/v1/embeddings", metadata={"team": "search"}, models=("text-embedding-3-small",)
)
UPLOAD = FileUpload(BytesSource(LINE * 40), "by_7f3a.jsonl")


def answer(value: object, **headers: str) -> Reply:
    return Reply(200, {"content-type": "application/json", **headers}, json.dumps(value).encode())


def page(*items: Mapping[str, Any], more: bool = False) -> Reply:
    ids = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {}
    return answer({"object": "list", "data": items, "has_more": more, **ids})


def sends(**wanted: object) -> Callable[[bytes], bool]:
    return lambda body: json.loads(body) == wanted


def has(*parts: bytes) -> Callable[[bytes], bool]:
    return lambda body: all(part in body for part in parts)


def creates(reply: Reply, metadata: Mapping[str, str], **more: object) -> Exchange:
    body = {
        "input_file_id": "file-1",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "metadata": metadata,
        **more,
    }
    return Exchange("POST .*/v1/batches$", reply, sends(**body))


UPLOADED = Exchange(
    "POST .*/v1/files$",
    answer(FILE),
    has(b'name="purpose"\r\n\r\nbatch\r\n', b'filename="by_7f3a.jsonl"', LINE * 40),
)
NO_FILES = Exchange("GET .*/v1/files[?]", page())
NO_BATCHES = Exchange("GET .*/v1/batches[?]", page(OLDER_BATCH))


class TestOpenAI(ProviderSuite):
    provider = "openai"
    settings = {  # noqa: RUF012 - a ClassVar of the suite
        "api_key": "sk-conformance-SECRET-0123456789",
        "organization": "org-example",
        "project": "proj-example",
    }
    states = STATUSES
    goldens = openai_goldens("gpt-4.1-mini")
    scenarios = (
        Scenario(
            "upload_file",
            {"file": replace(UPLOAD, expires_after=ExpiresAfter(86_400))},
            [replace(UPLOADED, body=has(b"expires_after[anchor]", b"86400", LINE * 40))],
            FileObject(**FILE),
        ),
        Scenario(
            "upload_file",
            {"call": MARKED, "file": UPLOAD},
            [UPLOADED],
            FileObject(**FILE),
            also=[NO_FILES],
            found=[Exchange("GET .*/v1/files[?]", page(FILE))],
            name="marked",
        ),
        Scenario(
            "retrieve_file",
            {"file": Ref("file-1")},
            [Exchange("GET .*/v1/files/file-1$", answer(FILE))],
            FileObject(**FILE),
        ),
        Scenario(
            "delete_file",
            {"file": Ref("file-1")},
            [
                Exchange(
                    "DELETE .*/v1/files/file-1$",
                    answer({"id": "file-1", "object": "file", "deleted": True}),
                )
            ],
            FileDeleted(id="file-1"),
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after="file-2", limit=1, order="asc", purpose="batch")},
            [
                Exchange(
                    "GET .*/v1/files[?]after=file-2&limit=1&order=asc&purpose=batch$",
                    page(FILE, more=True),
                )
            ],
            Page[FileObject](
                data=[FileObject(**FILE)], first_id="file-1", last_id="file-1", has_more=True
            ),
        ),
        Scenario(
            "file_content",
            {"file": Ref("file-2")},
            [
                Exchange(
                    "GET .*/v1/files/file-2/content$",
                    Reply(
                        200,
                        {"content-type": "application/octet-stream", "etag": '"1"'},
                        CONTENT,
                    ),
                )
            ],
            CONTENT,
            name="results",
        ),
        Scenario(
            "file_content",
            {"file": Ref("file-3")},
            [Exchange("GET .*/v1/files/file-3/content$", Reply(200, {}, b""))],
            b"",
            name="empty",
        ),
        Scenario(
            "create_batch",
            {"batch": replace(ORDER, output_expires_after=ExpiresAfter(86_400))},
            [
                creates(
                    answer(BATCH),
                    {"team": "search"},
                    output_expires_after={"anchor": "created_at", "seconds": 86_400},
                )
            ],
            Batch(**BATCH),
            also=[NO_BATCHES],
            found=[Exchange("GET .*/v1/batches[?]", page(BATCH, OLDER_BATCH))],
        ),
        Scenario(
            "create_batch",
            {"call": MARKED, "batch": ORDER},
            [creates(answer(MARKED_BATCH), MARKED_BATCH["metadata"])],
            Batch(**BATCH),
            also=[NO_BATCHES],
            found=[Exchange("GET .*/v1/batches[?]", page(OLDER_BATCH, MARKED_BATCH))],
            name="marked",
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref("batch_1")},
            [Exchange("GET .*/v1/batches/batch_1$", answer(MARKED_BATCH))],
            Batch(**BATCH),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref("batch_1")},
            [
                Exchange(
                    "POST .*/v1/batches/batch_1/cancel$", answer({**BATCH, "status": "cancelling"})
                )
            ],
            Batch(**{**BATCH, "status": "cancelling"}),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref("batch_1")},
            [
                Exchange("POST .*/v1/batches/batch_1/cancel$", Reply(409, {}, b"")),
                Exchange("POST .*/v1/batches/batch_1/cancel$", Reply(409, {}, b"")),
                Exchange("POST .*/v1/batches/batch_1/cancel$", Reply(409, {}, b"")),
                Exchange("GET .*/v1/batches/batch_1$", answer(ENDED_BATCH)),
            ],
            Batch(**ENDED_BATCH),
            name="ended",
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [Exchange("GET .*/v1/batches[?]limit=2$", page(MARKED_BATCH, OLDER_BATCH))],
            Page[Batch](
                data=[Batch(**BATCH), Batch(**OLDER_BATCH)], first_id="batch_1", last_id="batch_0"
            ),
        ),
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [
                Exchange(
                    "GET .*/v1/files[?](?!.*after=)",
                    page({**FILE, "id": "file-9", "filename": "other.jsonl"}, more=True),
                ),
                Exchange("GET .*/v1/files[?].*after=file-9", page(FILE)),
            ],
            FileObject(**FILE),
        ),
        Scenario(
            "find_batch",
            {"marker": "by_7f3a", "input_file": None, "since": None},
            [
                Exchange("GET .*/v1/batches[?](?!.*after=)", page(OLDER_BATCH, more=True)),
                Exchange("GET .*/v1/batches[?].*after=batch_0", page(MARKED_BATCH)),
            ],
            Batch(**BATCH),
        ),
        Scenario(
            "find_batch",
            {"marker": "by_none", "input_file": Ref("file-7"), "since": float(CREATED_AT)},
            [Exchange("GET .*/v1/batches[?]", page(MARKED_BATCH, OLDER_BATCH))],
            None,
            name="in-vain",
        ),
        Scenario(
            "check_account",
            {},
            [
                Exchange("GET .*/v1/files[?]limit=1$", page(FILE)),
                Exchange("GET .*/v1/batches[?]limit=1$", page()),
            ],
            [
                Finding("ok", "files", "files can be listed"),
                Finding("ok", "batches", "batches can be listed"),
            ],
        ),
    )

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": f"{url}/v1"}
