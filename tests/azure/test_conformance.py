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

CHAT = "/v1/chat/completions"
LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions",'
    b'"body":{"model":"gpt-4.1-mini","messages":[]}}\n'
)
SENT = LINE.replace(b"gpt-4.1-mini", b"mini-batch")
CONTENT = b'{"custom_id":"a","response":{"status_code":200,"body":{}},"error":null}\n' * 20
CREATED_AT = 1_790_000_000  # where the suite's clock begins
MARKED = Call("azure", marker="by_7f3a")
FILES = "GET .*/openai/v1/files[?]"
BATCHES = "GET .*/openai/v1/batches[?]"

FILE: dict[str, Any] = {
    "status": "processed",
    "bytes": 815,
    "purpose": "batch",
    "filename": "by_7f3a.jsonl",
    "id": "file-b4fa7277f3eb4722ac18b90f46102c3f",
    "created_at": CREATED_AT,
    "expires_at": None,
    "object": "file",
}
PENDING: dict[str, Any] = {**FILE, "status": "Pending", "bytes": None}
FILE_ID = FILE["id"]
BATCH: dict[str, Any] = {
    "object": "batch",
    "id": "batch_72a2792e-f7d2-4ba7-b82c-7fe4a37e379f",
    "endpoint": CHAT,
    "errors": None,
    "input_file_id": FILE_ID,
    "completion_window": "24h",
    "status": "validating",
    "output_file_id": None,
    "error_file_id": None,
    "created_at": CREATED_AT,
    "expires_at": None,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": {"team": "search"},
}
BATCH_ID = BATCH["id"]
# as some versions show the same
ODD_BATCH: dict[str, Any] = {
    **BATCH,
    "endpoint": "/chat/completions",
    "status": "Validating",
    "output_file_id": "",
    "error_file_id": "",
    "created_at": "2026-09-21T14:13:20.2491382+00:00",
    "request_counts": {"total": None, "completed": None, "failed": None},
}
MARKED_BATCH = {**ODD_BATCH, "metadata": {"team": "search", "batchyard_marker": "by_7f3a"}}
OLDER_BATCH = {**BATCH, "id": "batch_0", "metadata": None, "input_file_id": "file-0"}
ENDED_BATCH = {**BATCH, "status": "completed", "output_file_id": "file-2"}

ORDER = BatchRequest(Ref(FILE_ID), CHAT, metadata={"team": "search"}, models=("gpt-4.1-mini",))
UPLOAD = FileUpload(BytesSource(b"\xef\xbb\xbf" + LINE * 40), "by_7f3a.jsonl")


def answer(value: object, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def refusal(status: int, code: str) -> Reply:
    return answer({"error": {"code": code, "message": "It cannot be done."}}, status)


def page(*items: Mapping[str, Any], more: bool = False) -> Reply:
    ids = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {}
    return answer({"object": "list", "data": items, "has_more": more, **ids})


def has(*parts: bytes, lacks: bytes = b"\xef\xbb\xbf") -> Callable[[bytes], bool]:
    return lambda body: all(part in body for part in parts) and lacks not in body


def creates(reply: Reply, metadata: Mapping[str, str], **more: object) -> Exchange:
    wanted = {
        "input_file_id": FILE_ID,
        "endpoint": CHAT,
        "completion_window": "24h",
        "metadata": metadata,
        **more,
    }
    return Exchange("POST .*/openai/v1/batches$", reply, lambda body: json.loads(body) == wanted)


UPLOADED = Exchange(
    "POST .*/openai/v1/files$",
    answer(PENDING, 201),
    has(b'name="purpose"\r\n\r\nbatch\r\n', b'filename="by_7f3a.jsonl"', SENT * 40),
)
LOOK = Exchange(f"GET .*/openai/v1/files/{FILE_ID}$", answer(PENDING))
READY = replace(LOOK, reply=answer(FILE))
CANCEL = Exchange(f"POST .*/openai/v1/batches/{BATCH_ID}/cancel$", refusal(409, "conflict"))
NO_FILES = Exchange(FILES, page())
NO_BATCHES = Exchange(BATCHES, page(OLDER_BATCH))


class TestAzure(ProviderSuite):
    provider = "azure"
    settings = {  # noqa: RUF012 - a ClassVar of the suite
        "api_key": "conformance-SECRET-0123456789",
        "base_url": "https://my-resource.openai.azure.com",
        "deployments": {"gpt-4.1-mini": {"name": "mini-batch"}},
    }
    scenarios = (
        Scenario(
            "upload_file",
            {"file": replace(UPLOAD, expires_after=ExpiresAfter(1_209_600))},
            [
                replace(UPLOADED, body=has(b"expires_after[anchor]", b"1209600", SENT * 40)),
                LOOK,
                READY,
            ],
            FileObject(**FILE),
        ),
        Scenario(
            "upload_file",
            {"call": MARKED, "file": UPLOAD},
            [UPLOADED, READY],
            FileObject(**FILE),
            also=[NO_FILES],
            found=[Exchange(FILES, page(FILE))],
            name="marked",
        ),
        Scenario("retrieve_file", {"file": Ref(FILE_ID)}, [READY], FileObject(**FILE)),
        Scenario(
            "delete_file",
            {"file": Ref("file-1")},
            [
                Exchange(
                    "DELETE .*/openai/v1/files/file-1$",
                    answer({"object": "file", "deleted": True, "id": "file-1"}),
                )
            ],
            FileDeleted(id="file-1"),
        ),
        Scenario(
            "delete_file",
            {"file": Ref("file-1")},
            [Exchange("DELETE .*/openai/v1/files/file-1$", Reply(204, {}, b""))],
            FileDeleted(id="file-1"),
            name="silent",
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after="file-2", limit=1, order="asc", purpose="batch")},
            [
                Exchange(
                    "GET .*/openai/v1/files[?]after=file-2&limit=1&order=asc&purpose=batch$",
                    page({**FILE, "status": "Processed"}, more=True),
                )
            ],
            Page[FileObject](
                data=[FileObject(**FILE)], first_id=FILE_ID, last_id=FILE_ID, has_more=True
            ),
        ),
        Scenario(
            "file_content",
            {"file": Ref("file-2")},
            [Exchange("GET .*/openai/v1/files/file-2/content$", Reply(200, {}, CONTENT))],
            CONTENT,
        ),
        Scenario(
            "file_content",
            {"file": Ref("file-3")},
            [Exchange("GET .*/openai/v1/files/file-3/content$", Reply(200, {}, b""))],
            b"",
            name="empty",
        ),
        Scenario(
            "create_batch",
            {"batch": replace(ORDER, output_expires_after=ExpiresAfter(1_209_600))},
            [
                creates(
                    answer(BATCH, 201),
                    {"team": "search"},
                    output_expires_after={"anchor": "created_at", "seconds": 1_209_600},
                )
            ],
            Batch(**BATCH),
            also=[NO_BATCHES],
            found=[Exchange(BATCHES, page(ODD_BATCH, OLDER_BATCH))],
        ),
        Scenario(
            "create_batch",
            {"call": MARKED, "batch": replace(ORDER, endpoint="/chat/completions")},
            [creates(answer(MARKED_BATCH), MARKED_BATCH["metadata"])],
            Batch(**BATCH),
            also=[NO_BATCHES],
            found=[Exchange(BATCHES, page(OLDER_BATCH, MARKED_BATCH))],
            name="marked",
        ),
        Scenario(
            "create_batch",
            {"batch": ORDER},
            [
                creates(refusal(409, "unexpectedEntityState"), {"team": "search"}),
                LOOK,
                READY,
                creates(answer(BATCH), {"team": "search"}),
            ],
            Batch(**BATCH),
            also=[NO_BATCHES],
            found=[Exchange(BATCHES, page(ODD_BATCH, OLDER_BATCH))],
            name="too-early",
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref(BATCH_ID)},
            [Exchange(f"GET .*/openai/v1/batches/{BATCH_ID}$", answer(MARKED_BATCH))],
            Batch(**BATCH),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [replace(CANCEL, reply=answer({**ODD_BATCH, "status": "Cancelling"}))],
            Batch(**{**BATCH, "status": "cancelling"}),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [
                replace(CANCEL, reply=refusal(409, "unexpectedEntityState")),
                Exchange(f"GET .*/openai/v1/batches/{BATCH_ID}$", answer(ENDED_BATCH)),
            ],
            Batch(**ENDED_BATCH),
            name="ended",
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [Exchange("GET .*/openai/v1/batches[?]limit=2$", page(MARKED_BATCH, OLDER_BATCH))],
            Page[Batch](
                data=[Batch(**BATCH), Batch(**OLDER_BATCH)], first_id=BATCH_ID, last_id="batch_0"
            ),
        ),
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [
                Exchange(
                    f"{FILES}(?!.*after=)",
                    page({**FILE, "id": "file-9", "filename": "other.jsonl"}, more=True),
                ),
                Exchange(f"{FILES}.*after=file-9", page(PENDING)),
                READY,
            ],
            FileObject(**FILE),
        ),
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [Exchange(FILES, page({**FILE, "status": "Error"}))],
            None,
            name="unusable",
        ),
        Scenario(
            "find_batch",
            {"marker": "by_7f3a", "input_file": None, "since": None},
            [
                Exchange(f"{BATCHES}(?!.*after=)", page(OLDER_BATCH, more=True)),
                Exchange(f"{BATCHES}.*after=batch_0", page(MARKED_BATCH)),
            ],
            Batch(**BATCH),
        ),
        Scenario(
            "check_account",
            {},
            [
                Exchange("GET .*/openai/v1/files[?]limit=1$", page(FILE)),
                Exchange("GET .*/openai/v1/batches[?]limit=1$", page()),
            ],
            [
                Finding("ok", "files", "files can be listed"),
                Finding("ok", "batches", "batches can be listed"),
            ],
        ),
    )

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url}
