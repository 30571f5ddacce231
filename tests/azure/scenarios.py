"""What the service is asked for and answers, in either of its APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from batchyard.testing import Exchange, Scenario

CHAT = "/v1/chat/completions"
LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions",'
    b'"body":{"model":"gpt-4.1-mini","messages":[]}}\n'
)
CONTENT = b'{"custom_id":"a","response":{"status_code":200,"body":{}},"error":null}\n' * 20
CREATED_AT = 1_790_000_000  # where the suite's clock begins
MARKED = Call("azure", marker="by_7f3a")

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


@dataclass(frozen=True, slots=True)
class Flavour:
    """One of the APIs: the end of its base URL, what every URL ends with, and its endpoint."""

    base: str
    query: str
    chat: str

    def at(self, method: str, path: str, query: str = "") -> str:
        """A pattern for a request; *query* is what is asked for besides."""
        pairs = "&".join(one for one in (self.query, query) if one)
        ending = f"[?]{pairs}" if pairs else ""
        return f"{method} .*{self.base}/{path}{ending}$"

    def listing(self, what: str, more: str = "") -> str:
        return f"GET .*{self.base}/{what}[?]{more}"


V1 = Flavour("/openai/v1", "", "/v1/chat/completions")
DATED = Flavour("(?<!/v1)/openai", "api-version=2024-10-21", "/chat/completions")

OUTPUT_EXPIRY = {"output_expires_after": {"anchor": "created_at", "seconds": 2_592_000}}


def line(chat: str) -> bytes:
    """The one line of the file, as the service is sent it."""
    return LINE.replace(b"gpt-4.1-mini", b"mini-batch").replace(CHAT.encode(), chat.encode())


def creates(
    flavour: Flavour, reply: Reply, metadata: Mapping[str, str], **more: object
) -> Exchange:
    expiry = {} if flavour is DATED else OUTPUT_EXPIRY
    wanted = {
        "input_file_id": FILE_ID,
        "endpoint": flavour.chat,
        "completion_window": "24h",
        "metadata": metadata,
        **expiry,
        **more,
    }
    return Exchange(flavour.at("POST", "batches"), reply, lambda body: json.loads(body) == wanted)


def uploads(flavour: Flavour, seconds: bytes = b"1209600") -> Exchange:
    form = (b'name="purpose"\r\n\r\nbatch\r\n', b'filename="by_7f3a.jsonl"')
    expiry = (b'name="expires_after[anchor]"\r\n\r\ncreated_at', b"\r\n\r\n" + seconds + b"\r\n")
    return Exchange(
        flavour.at("POST", "files"),
        answer(PENDING, 201),
        has(*form, *expiry, line(flavour.chat) * 40),
    )


def scenarios(flavour: Flavour) -> tuple[Scenario, ...]:
    return (*file_scenarios(flavour), *batch_scenarios(flavour), *look_ups(flavour))


def file_scenarios(flavour: Flavour) -> tuple[Scenario, ...]:
    look = Exchange(flavour.at("GET", f"files/{FILE_ID}"), answer(PENDING))
    ready = replace(look, reply=answer(FILE))
    listed = "after=file-2&limit=1&order=asc&purpose=batch"
    return (
        Scenario(
            "upload_file",
            {"file": replace(UPLOAD, expires_after=ExpiresAfter(1_500_000))},
            [uploads(flavour, b"1500000"), look, ready],
            FileObject(**FILE),
        ),
        Scenario(
            "upload_file",
            {"call": MARKED, "file": UPLOAD},
            [uploads(flavour), ready],
            FileObject(**FILE),
            also=[Exchange(flavour.listing("files"), page())],
            found=[Exchange(flavour.listing("files"), page(FILE))],
            name="marked",
        ),
        Scenario("retrieve_file", {"file": Ref(FILE_ID)}, [ready], FileObject(**FILE)),
        Scenario(
            "delete_file",
            {"file": Ref("file-1")},
            [
                Exchange(
                    flavour.at("DELETE", "files/file-1"),
                    answer({"object": "file", "deleted": True, "id": "file-1"}),
                )
            ],
            FileDeleted(id="file-1"),
        ),
        Scenario(
            "delete_file",
            {"file": Ref("file-1")},
            [Exchange(flavour.at("DELETE", "files/file-1"), Reply(204, {}, b""))],
            FileDeleted(id="file-1"),
            name="silent",
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after="file-2", limit=1, order="asc", purpose="batch")},
            [
                Exchange(
                    flavour.at("GET", "files", listed),
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
            [Exchange(flavour.at("GET", "files/file-2/content"), Reply(200, {}, CONTENT))],
            CONTENT,
            name="results",
        ),
        Scenario(
            "file_content",
            {"file": Ref("file-3")},
            [Exchange(flavour.at("GET", "files/file-3/content"), Reply(200, {}, b""))],
            b"",
            name="empty",
        ),
    )


def batch_scenarios(flavour: Flavour) -> tuple[Scenario, ...]:
    look = Exchange(flavour.at("GET", f"files/{FILE_ID}"), answer(PENDING))
    ready = replace(look, reply=answer(FILE))
    cancel = Exchange(flavour.at("POST", f"batches/{BATCH_ID}/cancel"), refusal(409, "conflict"))
    nothing = [Exchange(flavour.listing("batches"), page(OLDER_BATCH))]
    one = [Exchange(flavour.listing("batches"), page(ODD_BATCH, OLDER_BATCH))]
    marked = [Exchange(flavour.listing("batches"), page(OLDER_BATCH, MARKED_BATCH))]
    retrieve = flavour.at("GET", f"batches/{BATCH_ID}")
    return (
        Scenario(
            "create_batch",
            {"batch": replace(ORDER, output_expires_after=ExpiresAfter(1_209_600))},
            [
                creates(
                    flavour,
                    answer(BATCH, 201),
                    {"team": "search"},
                    output_expires_after={"anchor": "created_at", "seconds": 1_209_600},
                )
            ],
            Batch(**BATCH),
            also=nothing,
            found=one,
        ),
        Scenario(
            "create_batch",
            {"call": MARKED, "batch": replace(ORDER, endpoint="/chat/completions")},
            [creates(flavour, answer(MARKED_BATCH), MARKED_BATCH["metadata"])],
            Batch(**BATCH),
            also=nothing,
            found=marked,
            name="marked",
        ),
        Scenario(
            "create_batch",
            {"batch": ORDER},
            [
                creates(flavour, refusal(409, "unexpectedEntityState"), {"team": "search"}),
                look,
                ready,
                creates(flavour, answer(BATCH), {"team": "search"}),
            ],
            Batch(**BATCH),
            also=nothing,
            found=one,
            name="too-early",
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref(BATCH_ID)},
            [Exchange(retrieve, answer(MARKED_BATCH))],
            Batch(**BATCH),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [replace(cancel, reply=answer({**ODD_BATCH, "status": "Cancelling"}))],
            Batch(**{**BATCH, "status": "cancelling"}),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [
                replace(cancel, reply=refusal(409, "unexpectedEntityState")),
                Exchange(retrieve, answer(ENDED_BATCH)),
            ],
            Batch(**ENDED_BATCH),
            name="ended",
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [Exchange(flavour.at("GET", "batches", "limit=2"), page(MARKED_BATCH, OLDER_BATCH))],
            Page[Batch](
                data=[Batch(**BATCH), Batch(**OLDER_BATCH)], first_id=BATCH_ID, last_id="batch_0"
            ),
        ),
    )


def look_ups(flavour: Flavour) -> tuple[Scenario, ...]:
    other = {**FILE, "id": "file-9", "filename": "other.jsonl"}
    ready = Exchange(flavour.at("GET", f"files/{FILE_ID}"), answer(FILE))
    files, batches = flavour.listing("files"), flavour.listing("batches")
    return (
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [
                Exchange(f"{files}(?!.*after=)", page(other, more=True)),
                Exchange(f"{files}.*after=file-9", page(PENDING)),
                ready,
            ],
            FileObject(**FILE),
        ),
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [Exchange(files, page({**FILE, "status": "Error"}))],
            None,
            name="unusable",
        ),
        Scenario(
            "find_batch",
            {"marker": "by_7f3a", "input_file": None, "since": None},
            [
                Exchange(f"{batches}(?!.*after=)", page(OLDER_BATCH, more=True)),
                Exchange(f"{batches}.*after=batch_0", page(MARKED_BATCH)),
            ],
            Batch(**BATCH),
        ),
        Scenario(
            "check_account",
            {},
            [
                Exchange(flavour.at("GET", "files", "limit=500"), page(FILE)),
                Exchange(flavour.at("GET", "batches", "limit=100"), page()),
            ],
            [
                Finding("ok", "subdomain", "a resource's own"),
                Finding("warning" if flavour is DATED else "ok", "version", "which API"),
                Finding("ok", "files", "files can be listed"),
                Finding("ok", "credential", "it is taken"),
                Finding("ok", "batches", "batches can be listed"),
                Finding("ok", "deployments", "mini-batch"),
            ],
        ),
    )
