"""What the service and its storage are asked for and answer where batches have blobs for files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from batchyard.effects import Reply
from batchyard.models import (
    Batch,
    BatchRequest,
    FileDeleted,
    FileObject,
    Finding,
    Page,
    PageRequest,
    Ref,
)
from batchyard.testing import Exchange, Scenario
from tests.azure.scenarios import (
    BATCH,
    BATCH_ID,
    CHAT,
    CONTENT,
    CREATED_AT,
    FILE,
    MARKED,
    OLDER_BATCH,
    UPLOAD,
    V1,
    answer,
    has,
    line,
    page,
    refusal,
)

CONTAINER = "https://my-account.blob.core.windows.net/batches"
SAS = "sv=2023-11-03&sp=rwdl&sig=conformance-SECRET-signature"
STORAGE = {"container": CONTAINER, "prefix": "our files", "sas": SAS}

MADE = "Mon, 21 Sep 2026 14:13:20 GMT"  # CREATED_AT
NAME = "our files/inputs/by_7f3a.jsonl"
URL = f"{CONTAINER}/our%20files/inputs/by_7f3a.jsonl"
RESULTS = f"{CONTAINER}/our%20files/outputs/0f1e/results.jsonl"
ERRORS = f"{CONTAINER}/our%20files/outputs/0f1e/errors.jsonl"

BLOB: dict[str, Any] = {
    "id": URL,
    "bytes": 815,
    "created_at": CREATED_AT,
    "filename": "by_7f3a.jsonl",
    "purpose": "batch",
    "status": "processed",
}
# as it is created: results are named later, and names are told decoded
ORDERED: dict[str, Any] = {
    **BATCH,
    "metadata": None,
    "input_file_id": None,
    "input_blob": URL.replace("%20", " "),
    "output_blob": "",
    "error_blob": "",
}
ENDED: dict[str, Any] = {
    **ORDERED,
    "status": "completed",
    "output_blob": RESULTS.replace("%20", " "),
    "error_blob": ERRORS,
    "request_counts": {"total": 3, "completed": 3, "failed": 0},
}
MADE_OF_IT = {**ORDERED, "input_file_id": URL}
WITH_RESULTS = {
    **ENDED,
    "input_file_id": URL,
    "output_file_id": RESULTS,
    "error_file_id": ERRORS,
    "provider_state": {"unwritten": [ERRORS]},
}
ORDER = BatchRequest(Ref(URL), CHAT, models=("gpt-4.1-mini",))


def at(method: str, url: str, query: str = "") -> str:
    """A pattern for a request to the storage, which is signed."""
    pairs = "&".join(one for one in (query, SAS) if one)
    return f"{method} {re.escape(url)}[?]{re.escape(pairs)}$"


def listing(*names: str, following: str = "") -> Reply:
    blobs = "".join(
        f"<Blob><Name>{name}</Name><Properties><Content-Length>815</Content-Length>"
        f"<Last-Modified>{MADE}</Last-Modified></Properties></Blob>"
        for name in names
    )
    text = (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults>'
        f"<Blobs>{blobs}</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
    )
    return Reply(200, {"content-type": "application/xml"}, text.encode())


def creates(reply: Reply) -> Exchange:
    wanted = {
        "input_blob": URL,
        "output_folder": {"url": f"{CONTAINER}/our%20files/outputs/", "delimiter": "/"},
        "endpoint": CHAT,
        "completion_window": "24h",
    }
    return Exchange(V1.at("POST", "batches"), reply, lambda body: json.loads(body) == wanted)


LOOK = Exchange(at("HEAD", URL), Reply(200, {"content-length": "815", "last-modified": MADE}, b""))
LOOK_UP = "restype=container&comp=list&prefix=our%20files%2Finputs%2Fby_7f3a&maxresults=2"


def blob_scenarios() -> tuple[Scenario, ...]:
    return (*_files(), *_batches(), *_look_ups())


def _files() -> tuple[Scenario, ...]:
    put = Exchange(at("PUT", URL), Reply(201, {}, b""), has(line(CHAT) * 40))
    listed = "restype=container&comp=list&prefix=our%20files%2F&marker=m1&maxresults=1"
    return (
        Scenario("upload_file", {"call": MARKED, "file": UPLOAD}, [put, LOOK], FileObject(**BLOB)),
        Scenario("retrieve_file", {"file": Ref(URL)}, [LOOK], FileObject(**BLOB)),
        Scenario(
            "delete_file",
            {"file": Ref(URL)},
            [Exchange(at("DELETE", URL), Reply(202, {}, b""))],
            FileDeleted(id=URL),
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after="m1", limit=1)},
            [Exchange(at("GET", CONTAINER, listed), listing(NAME, following="m2"))],
            Page[FileObject](data=[FileObject(**BLOB)], has_more=True, cursor="m2"),
        ),
        Scenario(
            "file_content",
            {"file": Ref(RESULTS, WITH_RESULTS["provider_state"])},
            [Exchange(at("GET", RESULTS), Reply(200, {}, CONTENT))],
            CONTENT,
        ),
    )


def _batches() -> tuple[Scenario, ...]:
    batches, retrieve = V1.listing("batches"), V1.at("GET", f"batches/{BATCH_ID}")
    cancel = Exchange(V1.at("POST", f"batches/{BATCH_ID}/cancel"), answer(ORDERED))
    return (
        Scenario(
            "create_batch",
            {"batch": ORDER},
            [creates(answer(ORDERED, 201))],
            Batch(**MADE_OF_IT),
            also=[Exchange(batches, page(OLDER_BATCH))],
            found=[Exchange(batches, page(OLDER_BATCH, ORDERED))],
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref(BATCH_ID)},
            [Exchange(retrieve, answer(ENDED))],
            Batch(**WITH_RESULTS),
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref(BATCH_ID)},
            [
                replace(cancel, reply=refusal(409, "unexpectedEntityState")),
                Exchange(retrieve, answer(ENDED)),
            ],
            Batch(**WITH_RESULTS),
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [Exchange(V1.at("GET", "batches", "limit=2"), page(ORDERED, OLDER_BATCH))],
            Page[Batch](
                data=[Batch(**MADE_OF_IT), Batch(**OLDER_BATCH)],
                first_id=BATCH_ID,
                last_id="batch_0",
            ),
        ),
    )


def _look_ups() -> tuple[Scenario, ...]:
    batches, blobs = V1.listing("batches"), at("GET", CONTAINER, LOOK_UP)
    first = "restype=container&comp=list&prefix=our%20files%2F&maxresults=1"
    return (
        Scenario(
            "find_file",
            {"marker": "by_7f3a", "since": None},
            [Exchange(blobs, listing(NAME))],
            FileObject(**BLOB),
        ),
        Scenario(
            "find_batch",
            {"marker": "by_7f3a", "input_file": Ref(URL), "since": None},
            [
                Exchange(f"{batches}(?!.*after=)", page(OLDER_BATCH, more=True)),
                Exchange(f"{batches}.*after=batch_0", page(ORDERED)),
            ],
            Batch(**MADE_OF_IT),
        ),
        Scenario(
            "check_account",
            {},
            [
                Exchange(V1.at("GET", "files", "limit=500"), page(FILE)),
                Exchange(V1.at("GET", "batches", "limit=100"), page()),
                Exchange(at("GET", CONTAINER, first), listing()),
            ],
            [
                Finding("ok", name, "as it should be")
                for name in (
                    *("subdomain", "version", "files", "credential", "batches"),
                    *("deployments", "storage"),
                )
            ],
        ),
    )
