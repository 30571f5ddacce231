"""What must be sent to the Gemini API, what is answered, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
    Usage,
)
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, Golden, ProviderSuite, Scenario
from batchyard_gemini._wire import STATES

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
MARKED = Call("gemini", marker="7f3a")
AT = 1_790_000_000
WHEN = "2026-09-21T14:13:20.123456789Z"


def chat(name: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Größe?"}]
    body = {"model": "gemini-2.5-flash", "messages": messages, **more}
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": body}


def row(name: str, **more: Any) -> dict[str, Any]:
    request = {
        "model": "models/gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": "Größe?"}]}],
        "systemInstruction": {"parts": [{"text": "Brief."}]},
        **more,
    }
    return {"key": name, "request": request}


LINE = chat("größe ✓")
ANSWER: dict[str, Any] = {
    "key": "größe ✓",
    "response": {
        "candidates": [
            {
                "content": {
                    "parts": [{"text": "Hm.", "thought": True}, {"text": "Gro"}, {"text": "ß."}],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 13,
            "candidatesTokenCount": 1,
            "thoughtsTokenCount": 43,
            "totalTokenCount": 57,
            "cachedContentTokenCount": 4,
            "serviceTier": "standard",
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    },
}


def result(name: str, status: int, body: dict[str, Any], request_id: str = "") -> dict[str, Any]:
    response = {"status_code": status, "request_id": request_id, "body": body}
    return {"id": None, "custom_id": name, "response": response, "error": None}


def usage(prompt: int, written: int, cached: int, thoughts: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thoughts, "audio_tokens": 0},
    }


MESSAGE = {"role": "assistant", "content": "Groß.", "reasoning_content": "Hm."}
RESULT = result(
    "größe ✓",
    200,
    {
        "id": "r1",
        "object": "chat.completion",
        "created": None,
        "model": "gemini-2.5-flash",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": usage(13, 44, 4, 43),
    },
    "r1",
)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
CALLING = chat(
    "000000",
    tools=[TOOL],
    tool_choice="required",
    reasoning_effort="high",
    max_completion_tokens=64,
    stop="END",
    response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
)
CALLED = row(
    "000000",
    tools=[
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "parametersJsonSchema": TOOL["function"]["parameters"],  # type: ignore[index]  # it is a table
                }
            ]
        }
    ],
    toolConfig={"functionCallingConfig": {"mode": "ANY"}},
    generationConfig={
        "thinkingConfig": {"thinkingBudget": 24576},
        "maxOutputTokens": 64,
        "stopSequences": ["END"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    },
)
CALL_ANSWER = {
    "key": "000000",
    "response": {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"name": "weather", "args": {"at": "é"}}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14},
    },
}
CALL_RESULT = result(
    "000000",
    200,
    {
        "id": "",
        "object": "chat.completion",
        "created": None,
        "model": None,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_0_0",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"at":"é"}'},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": usage(9, 5, 0, 0),
    },
)
FAULT = {"key": "a", "error": {"code": 8, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}
BLOCKED = {
    "key": "a",
    "response": {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    },
}


def failed(status: int, code: str, message: str, **more: Any) -> dict[str, Any]:
    error = {"code": code, "type": "gemini_error", "param": None, "message": message}
    return result("a", status, {"error": error, **more})


FILE = {
    "name": "files/f7",
    "displayName": "7f3a.jsonl?model=gemini-2.5-flash",
    "sizeBytes": "80",
    "createTime": WHEN,
    "expirationTime": "2026-09-23T14:13:20Z",
    "state": "ACTIVE",
    "source": "UPLOADED",
}
OBJECT = FileObject(
    id="files/f7",
    filename="7f3a.jsonl",
    bytes=80,
    created_at=AT,
    expires_at=AT + 48 * 3600,
    purpose="batch",
    status="processed",
)


def job(state: str = "BATCH_STATE_PENDING", **more: Any) -> dict[str, Any]:
    metadata = {
        "model": "models/gemini-2.5-flash",
        "displayName": "7f3a?file=files%2Ff7&note.team=search",
        "state": state,
        "createTime": WHEN,
        "batchStats": {"requestCount": "2", "pendingRequestCount": "2"},
        **more,
    }
    return {"name": "batches/b9", "metadata": metadata}


BATCH = Batch(
    id="batches/b9",
    endpoint=CHAT,
    model="gemini-2.5-flash",
    input_file_id="files/f7",
    status="validating",
    created_at=AT,
    request_counts=RequestCounts(total=2, completed=0, failed=0),
    metadata={"team": "search"},
)
DONE = job("BATCH_STATE_SUCCEEDED", endTime=WHEN, output={"responsesFile": "files/r1"})
ENDED = BATCH.model_copy(
    update={"status": "completed", "output_file_id": "files/r1", "completed_at": AT}
)
ORDER = BatchRequest(
    Ref("files/f7"), CHAT, metadata={"team": "search"}, models=("gemini-2.5-flash",)
)


def answer(value: object, **headers: str) -> Reply:
    return Reply(200, {"content-type": "application/json", **headers}, json.dumps(value).encode())


def packed(*values: object) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in values)


def sends(**wanted: object) -> Callable[[bytes], bool]:
    return lambda body: json.loads(body) == wanted


STARTED = Exchange(
    "POST .*/upload/v1beta/files$",
    Reply(
        200,
        {"x-goog-upload-url": "https://elsewhere.example/upload/v1beta/sessions/s1?id=1"},
        b"",
    ),
    sends(
        file={"displayName": "7f3a.jsonl?model=gemini-2.5-flash", "mimeType": "application/jsonl"}
    ),
)
TAKEN = Exchange(
    "POST https?://(?!elsewhere).*/upload/v1beta/sessions/s1[?]id=1$",
    answer({"file": FILE}),
    lambda body: body == packed(row("größe ✓")),
)
UPLOAD = FileUpload(BytesSource(packed(LINE)), "7f3a.jsonl")
CREATED = Exchange(
    "POST .*/v1beta/models/gemini-2.5-flash:batchGenerateContent$",
    answer(job()),
    sends(
        batch={
            "displayName": "7f3a?file=files%2Ff7&note.team=search",
            "inputConfig": {"fileName": "files/f7"},
        }
    ),
)


def listed(kind: str, query: str, value: object) -> Exchange:
    return Exchange(f"GET .*/v1beta/{kind}[?]{query}$", answer(value), empty_is_right=True)


class TestGemini(ProviderSuite):
    provider = "gemini"
    settings = {"api_key": "AIza-SECRET-0123456789"}  # noqa: RUF012 - a ClassVar of the suite
    states = STATES
    goldens = (
        Golden(
            "answered",
            LINE,
            row("größe ✓"),
            ANSWER,
            RESULT,
            Usage(13, 44, cached_tokens=4, reasoning_tokens=43),
        ),
        Golden("called", CALLING, CALLED, CALL_ANSWER, CALL_RESULT, Usage(9, 5)),
        Golden(
            "refused",
            LINE,
            row("größe ✓"),
            FAULT,
            failed(429, "RESOURCE_EXHAUSTED", "Slow down."),
            outcome="error",
        ),
        Golden(
            "blocked",
            LINE,
            row("größe ✓"),
            BLOCKED,
            failed(
                400, "content_filter", "the prompt was blocked: SAFETY", usage=usage(3, 0, 0, 0)
            ),
            outcome="blocked",
        ),
    )
    scenarios = (
        Scenario("upload_file", {"file": UPLOAD}, [STARTED, TAKEN], OBJECT),
        Scenario(
            "upload_file",
            {"call": MARKED, "file": UPLOAD},
            [STARTED, TAKEN],
            OBJECT,
            also=[listed("files", "pageSize=100", {})],
            found=[listed("files", "pageSize=100", {"files": [FILE]})],
            name="marked",
        ),
        Scenario(
            "retrieve_file",
            {"file": Ref("files/f7")},
            [Exchange("GET .*/v1beta/files/f7$", answer(FILE))],
            OBJECT,
        ),
        Scenario(
            "delete_file",
            {"file": Ref("files/f7")},
            [Exchange("DELETE .*/v1beta/files/f7$", Reply(200, {}, b"{}\n"), empty_is_right=True)],
            FileDeleted(id="files/f7"),
        ),
        Scenario(
            "list_files",
            {"page": PageRequest(after="p1", limit=1)},
            [listed("files", "pageSize=1&pageToken=p1", {"files": [FILE], "nextPageToken": "p2"})],
            Page[FileObject](data=[OBJECT], has_more=True, cursor="p2"),
        ),
        Scenario(
            "file_content",
            {"file": Ref("files/r1")},
            [
                Exchange(
                    "GET .*/download/v1beta/files/r1:download[?]alt=media$",
                    Reply(200, {}, packed(ANSWER, FAULT)),
                )
            ],
            packed(RESULT, failed(429, "RESOURCE_EXHAUSTED", "Slow down.")),
            name="results",
        ),
        Scenario(
            "create_batch",
            {"call": MARKED, "batch": ORDER},
            [CREATED],
            BATCH,
            also=[listed("batches", "pageSize=100", {})],
            found=[listed("batches", "pageSize=100", {"operations": [job()]})],
        ),
        Scenario(
            "create_batch",
            {
                "call": MARKED,
                "batch": BatchRequest(Ref("files/f7"), CHAT, metadata={"team": "search"}),
            },
            [Exchange("GET .*/v1beta/files/f7$", answer(FILE)), CREATED],
            BATCH,
            also=[listed("batches", "pageSize=100", {})],
            found=[listed("batches", "pageSize=100", {"operations": [job()]})],
            name="of-another-process",
        ),
        Scenario(
            "retrieve_batch",
            {"batch": Ref("batches/b9")},
            [Exchange("GET .*/v1beta/batches/b9$", answer(DONE))],
            ENDED,
        ),
        Scenario(
            "cancel_batch",
            {"batch": Ref("batches/b9")},
            [
                Exchange(
                    "POST .*/v1beta/batches/b9:cancel$",
                    Reply(200, {}, b"{}\n"),
                    empty_is_right=True,
                ),
                Exchange("GET .*/v1beta/batches/b9$", answer(job("BATCH_STATE_RUNNING"))),
            ],
            BATCH.model_copy(update={"status": "cancelling"}),
        ),
        Scenario(
            "list_batches",
            {"page": PageRequest(limit=2)},
            [listed("batches", "pageSize=2", {"operations": [job()]})],
            Page[Batch](data=[BATCH]),
        ),
        Scenario(
            "find_file",
            {"marker": "7f3a", "since": None},
            [
                listed("files", "pageSize=100", {"nextPageToken": "p2"}),
                listed("files", "pageSize=100&pageToken=p2", {"files": [FILE]}),
            ],
            OBJECT,
        ),
        Scenario(
            "find_batch",
            {"marker": "none", "input_file": Ref("f7"), "since": float(AT)},
            [listed("batches", "pageSize=100", {"operations": [job()]})],
            BATCH,
        ),
        Scenario(
            "check_account",
            {},
            [listed("files", "pageSize=1", {}), listed("batches", "pageSize=1", {})],
            [Finding("ok", "files", ""), Finding("ok", "batches", "")],
        ),
    )

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url}
