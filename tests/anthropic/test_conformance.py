"""What must be sent, what is answered, and what it comes to: the suite makes all of it go wrong."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from batchyard.effects import Reply
from batchyard.models import (
    Batch,
    BatchRequest,
    Call,
    FileDeleted,
    FileObject,
    FileUpload,
    Finding,
    Page,
    PageRequest,
    Ref,
    RequestCounts,
)
from batchyard.registry import Account
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, ProviderSuite, Scenario
from batchyard_anthropic._batches import mark_of
from batchyard_anthropic._folder import Folder, Intent, Order, Staged
from batchyard_anthropic._wire import STATES
from tests.anthropic.goldens import CHAT, GOLDENS, LINE, MESSAGES, REQUEST, ROW, completed

BATCHES = "/v1/messages/batches"
ID = "msgbatch_01GUqGVJfUzZfBnjRymfPdV3"
NOW = 1_790_000_000
"""Where the clock of a replay stands: 2026-09-21T14:13:20Z."""

BORN, EXPIRES = 1_787_150_691, 1_787_237_091

# as recorded on 2026-08-19
CREATED: dict[str, Any] = {
    "id": ID,
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "ended_at": None,
    "created_at": "2026-08-19T14:44:51.493319+00:00",
    "expires_at": "2026-08-20T14:44:51.493319+00:00",
    "archived_at": None,
    "cancel_initiated_at": None,
    "results_url": None,
}
OVER = {
    **CREATED,
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
    "ended_at": "2026-08-19T14:46:57.158324+00:00",
    "results_url": f"https://api.anthropic.com{BATCHES}/{ID}/results",
}
CANCELING = {
    **CREATED,
    "processing_status": "canceling",
    "cancel_initiated_at": "2026-08-19T14:45:00.441817+00:00",
}

NATIVE, MADE = "msgbatch_01native", "msgbatch_01made"
LONG_AGO = "2026-08-19T04:44:51+00:00"

LINES = json.dumps(LINE).encode() + b"\n"
UPLOAD = FileUpload(BytesSource(LINES), "in.jsonl")
MARKED = Call("anthropic", marker="5c1e")
STATE = {"file": "file-7", "endpoint": CHAT, "metadata": {"team": "search"}, "ids": {}}
BATCH = Batch(
    id=ID,
    status="in_progress",
    completion_window="24h",
    created_at=BORN,
    in_progress_at=BORN,
    expires_at=EXPIRES,
    request_counts=RequestCounts(total=1),
)
KNOWN = BATCH.model_copy(
    update={
        "endpoint": CHAT,
        "input_file_id": "file-7",
        "metadata": {"team": "search"},
        "provider_state": STATE,
    }
)
WAITS = {"requests": 1, "endpoint": CHAT, "ids": {}, "losses": {"fields": []}}
FILE = FileObject(
    id="file-5c1e",
    filename="in.jsonl",
    bytes=len(LINES),
    created_at=NOW,
    purpose="batch",
    status="processed",
    provider_state=WAITS,
)
STORED = FILE.model_copy(update={"id": "file-7", "created_at": BORN})
NEWEST = STORED.model_copy(
    update={"id": "file-8", "provider_state": {**WAITS, "endpoint": MESSAGES}}
)
FILES = Page[FileObject](data=[NEWEST], has_more=True)


def recent() -> dict[str, Any]:
    """What a create of just now has made."""
    return {**CREATED, "id": MADE, "created_at": "2026-09-21T14:13:20.000Z"}


def another() -> dict[str, Any]:
    """Of another create: with more requests."""
    counts = {**CREATED["request_counts"], "processing": 2}
    return {**CREATED, "request_counts": counts}


def elsewhere() -> Batch:
    """What a worker on another machine has made of a file that is not here."""
    state = {**STATE, "file": "file-9", "metadata": {}}
    found = {"id": MADE, "input_file_id": "file-9", "metadata": None, "provider_state": state}
    return KNOWN.model_copy(update=found)


def native() -> dict[str, Any]:
    response = {"status_code": 200, "request_id": None, "body": ROW["result"]["message"]}
    return {"id": None, "custom_id": "a", "response": response, "error": None}


def answer(value: object) -> Reply:
    return Reply(200, {"content-type": "application/json"}, json.dumps(value).encode())


def jsonl(*rows: object) -> Reply:
    body = b"".join(json.dumps(one).encode() + b"\n" for one in rows)
    return Reply(200, {"content-type": "application/x-jsonl"}, body)


def page(*found: object, more: bool = False) -> Reply:
    return answer({"data": found, "has_more": more, "first_id": None, "last_id": ID})


def packed(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


FOUND = Order("file-7", CHAT, mark_of(Call("anthropic"), "8b2c"), {"team": "search"})

TEMPLATE = Path(tempfile.mkdtemp(prefix="batchyard-anthropic-template-"))
PLACE = Path(tempfile.mkdtemp(prefix="batchyard-anthropic-"))


@pytest.fixture(scope="module", autouse=True)
def folders() -> Iterator[None]:
    """A folder with files that wait, and batches that were made of them."""
    folder = Folder(TEMPLATE, 1e12)
    for name, endpoint in (("7", CHAT), ("8", MESSAGES)):

        def made(file_id: str, endpoint: str = endpoint) -> Staged:
            return Staged(file_id, "in.jsonl", len(LINES), BORN, 1, endpoint, {}, {"fields": []})

        folder.store(name, [LINES], made)
    folder.begin(Intent(FOUND, 1, BORN, BORN))
    folder.finish(ID, FOUND, BORN)
    folder.finish(NATIVE, Order("file-8", MESSAGES), BORN)
    yield
    for one in (TEMPLATE, PLACE):
        shutil.rmtree(one, ignore_errors=True)


def results_of(name: str, batch_id: str, result: bytes) -> Scenario:
    of = {**OVER, "id": batch_id}
    return Scenario(
        "file_content",
        {"file": Ref(f"{batch_id}.results")},
        [
            Exchange(f"GET .*{BATCHES}/{batch_id}$", answer(of)),
            Exchange(f"GET .*{BATCHES}/{batch_id}/results$", jsonl(ROW)),
        ],
        result,
        name=name,
    )


class TestAnthropic(ProviderSuite):
    provider = "anthropic"
    settings = {"api_key": "sk-ant-SECRET-0123456789", "folder": str(PLACE)}  # noqa: RUF012
    states = STATES
    goldens = GOLDENS
    scenarios = (
        Scenario("upload_file", {"file": UPLOAD, "call": MARKED}, [], FILE),
        Scenario("retrieve_file", {"file": Ref("file-7")}, [], STORED),
        Scenario("find_file", {"marker": "7", "since": None}, [], STORED),
        Scenario("list_files", {"page": PageRequest(limit=1)}, [], FILES),
        Scenario("delete_file", {"file": Ref("file-7")}, [], FileDeleted(id="file-7")),
        Scenario("file_content", {"file": Ref("file-7")}, [], LINES, name="input"),
        results_of("results", ID, packed(completed())),
        results_of("messages", NATIVE, packed(native())),
        Scenario(
            "create_batch",
            {
                "call": Call("anthropic", marker="7f3a"),
                "batch": BatchRequest(Ref("file-7"), CHAT, metadata={"team": "search"}),
            },
            [
                Exchange(
                    f"POST .*{BATCHES}$",
                    answer(recent()),
                    lambda body: json.loads(body) == {"requests": [REQUEST]},
                )
            ],
            KNOWN.model_copy(update={"id": MADE, "created_at": NOW, "in_progress_at": NOW}),
            also=[Exchange(f"GET .*{BATCHES}[?]limit=100$", page())],
            found=[Exchange(f"GET .*{BATCHES}[?]limit=100$", page(recent(), CREATED))],
        ),
        Scenario(
            "find_batch",
            {
                "call": Call("anthropic"),
                "marker": "8b2c",
                "input_file": None,
                "since": None,
            },
            [Exchange(f"GET .*{BATCHES}/{ID}$", answer(CREATED))],
            KNOWN,
            name="that-is-written-down",
        ),
        Scenario(
            "find_batch",
            {
                "call": Call("anthropic"),
                "marker": "9d41",
                "input_file": Ref("file-9", {"requests": 1, "endpoint": CHAT, "ids": {}}),
                "since": float(BORN - 5),
            },
            [
                Exchange(f"GET .*{BATCHES}[?]limit=100$", page(another(), more=True)),
                Exchange(
                    f"GET .*{BATCHES}[?]limit=100&after_id={ID}$",
                    page({**CREATED, "id": MADE}, {**CREATED, "created_at": LONG_AGO}),
                ),
            ],
            elsewhere(),
            name="of-another-machine",
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref(ID)},
            [Exchange(f"GET .*{BATCHES}/{ID}$", answer(CREATED))],
            KNOWN,
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(ID)},
            [Exchange(f"POST .*{BATCHES}/{ID}/cancel$", answer(CANCELING))],
            KNOWN.model_copy(update={"status": "cancelling", "cancelling_at": BORN + 9}),
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(after="msgbatch_0", limit=1)},
            [Exchange(f"GET .*{BATCHES}[?]limit=1&after_id=msgbatch_0$", page(CREATED, more=True))],
            Page[Batch](data=[KNOWN], has_more=True, cursor=ID),
        ),
        Scenario(
            "check_account",
            {},
            [Exchange(f"GET .*{BATCHES}[?]limit=1$", page())],
            [Finding("ok", "credentials", ""), Finding("ok", "folder", "")],
        ),
    )

    def account(self, url: str | None = None) -> Account:
        """With a folder in which nothing of what was tried before is left."""
        shutil.rmtree(PLACE, ignore_errors=True)
        shutil.copytree(TEMPLATE, PLACE)
        return super().account(url)

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url}
