"""Golden pairs, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard.emulators import FileStore
from batchyard.errors import InvalidLinesError
from batchyard.lines import decode_result, outcome_of
from batchyard.steps import BytesSource
from batchyard_vertex.translation._answers import chat_completion
from batchyard_vertex.translation._input_file import translated
from batchyard_vertex._labels import labels_of, metadata_of
from batchyard_vertex._names import JobId
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._row_ids import Entry, RowIds
from batchyard_vertex.translation._rows import Rows
from batchyard_vertex.translation._schemas import gemini_schema
from batchyard_vertex.translation._chat import gemini_request
from batchyard_vertex.emulator._importer import ImportFailedError, imported
from tests.vertex.conftest import chat_line, jsonl

USER = {"role": "user", "content": "Hi"}
HI = {"role": "user", "parts": [{"text": "Hi"}]}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"x": 1, "y": null}'},
}
PNG = "data:image/png;base64,aGk="

REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"messages": [USER]}, {"contents": [HI]}),
    "system": (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
                USER,
            ]
        },
        {
            "contents": [HI],
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        },
    ),
    "system alone": (
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"contents": [HI]},
    ),
    "assistant first, empty texts, turns in a row": (
        {
            "messages": [
                {"role": "assistant", "content": "A"},
                {"role": "user", "content": ""},
                {"role": "assistant", "content": "B"},
                {"role": "assistant", "content": "C"},
                USER,
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": " "}]},
                {"role": "model", "parts": [{"text": "A"}]},
                {"role": "user", "parts": [{"text": " "}]},
                {"role": "model", "parts": [{"text": "B"}, {"text": "C"}]},
                HI,
            ]
        },
    ),
    "parameters": (
        {
            "messages": [USER],
            "temperature": 0,
            "top_p": 0.5,
            "max_tokens": 5,
            "max_completion_tokens": 7,
            "n": 2,
            "stop": "x",
            "seed": 2**40 + 3,
            "presence_penalty": 1,
            "frequency_penalty": -1.5,
            "logprobs": True,
            "top_logprobs": 2,
            "user": "u",
            "store": None,
            "stream": False,
        },
        {
            "contents": [HI],
            "generationConfig": {
                "temperature": 0,
                "topP": 0.5,
                "presencePenalty": 1,
                "frequencyPenalty": -1.5,
                "candidateCount": 2,
                "logprobs": 2,
                "maxOutputTokens": 7,
                "seed": 3,
                "stopSequences": ["x"],
                "responseLogprobs": True,
            },
        },
    ),
    "tools and their results": (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        CALL,
                        {**CALL, "id": "c2", "function": {"name": "g", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
                {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "ok"}]},
                {"role": "user", "content": "And?"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "description": "F.",
                        "strict": True,
                        "parameters": {
                            "type": "object",
                            "properties": {"x": {"type": "integer"}},
                            "required": ["x"],
                            "additionalProperties": False,
                        },
                    },
                },
                {
                    "type": "function",
                    "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
                },
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        },
        {
            "contents": [
                HI,
                {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"name": "f", "args": {"x": 1}}},
                        {"functionCall": {"name": "g"}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "f", "response": {"content": '{"a": 1}'}}},
                        {"functionResponse": {"name": "g", "response": {"content": "ok"}}},
                    ],
                },
                {"role": "user", "parts": [{"text": "And?"}]},
            ],
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "description": "F.",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {"x": {"type": "INTEGER"}},
                                "propertyOrdering": ["x"],
                                "required": ["x"],
                            },
                        },
                        {"name": "g"},
                    ]
                }
            ],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        },
    ),
    "formats": (
        {"messages": [USER], "response_format": {"type": "json_object"}},
        {"contents": [HI], "generationConfig": {"responseMimeType": "application/json"}},
    ),
    "images": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": "gs://b/a.webp"}},
                    ],
                }
            ]
        },
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                        {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/a.webp"}},
                    ],
                }
            ]
        },
    ),
}

SCHEMAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nullable by type": (
        {"type": ["string", "null"], "enum": ["a", "b", None]},
        {"type": "STRING", "nullable": True, "enum": ["a", "b"]},
    ),
    "nullable by alternative": (
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        {"nullable": True, "type": "INTEGER", "minimum": 0},
    ),
    "several types": (
        {"type": ["string", "integer"]},
        {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
    ),
    "references": (
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A", "description": "An A."}},
            "$defs": {"A": {"const": "x"}},
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"enum": ["x"], "type": "STRING", "description": "An A."}},
            "propertyOrdering": ["a"],
        },
    ),
    "all of": (
        {
            "allOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "array", "items": {"type": "number"}}}},
            ]
        },
        {
            "properties": {
                "a": {"type": "STRING"},
                "b": {"type": "ARRAY", "items": {"type": "NUMBER"}},
            },
            "propertyOrdering": ["a", "b"],
            "type": "OBJECT",
            "required": ["a"],
        },
    ),
    "what Gemini has no word for": (
        {"type": "string", "default": "x", "examples": [], "format": "email", "$schema": "s"},
        {"type": "STRING"},
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_becomes_a_request(name: str) -> None:
    body, wanted = REQUESTS[name]
    assert gemini_request({"model": "m", **body}, "gemini-2.5-flash") == wanted


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_keeps_what_gemini_understands(name: str) -> None:
    schema, wanted = SCHEMAS[name]
    assert gemini_schema(schema, "schema") == wanted


def test_gemini_3_gets_a_signature_on_calls_of_the_past() -> None:
    body = {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]}
    (part,) = gemini_request(body, "gemini-3-pro")["contents"][1]["parts"]
    assert set(part) == {"functionCall", "thoughtSignature"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"n": 0}, "n"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        (
            {"tool_choice": "f", "tools": [{"type": "function", "function": {"name": "f"}}]},
            "tool_choice",
        ),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c9", "content": "x"}]},
            "messages[0].tool_call_id",
        ),
    ],
)
def test_what_openai_would_refuse_fails_alone(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RowRefusedError) as caught:
        gemini_request({"messages": [USER], **body}, "gemini-2.5-flash")
    assert caught.value.error["param"] == param


@pytest.mark.parametrize(
    "body",
    [
        {"logit_bias": {"1": 1}},
        {"modalities": ["audio"]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"tools": [{"type": "custom"}]},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "schema": {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
                },
            }
        },
    ],
)
def test_what_cannot_be_carried_refuses_the_file(body: dict[str, Any]) -> None:
    with pytest.raises(LineRefusedError):
        gemini_request({"messages": [USER], **body}, "gemini-2.5-flash")


def schema_line(custom_id: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return chat_line(custom_id, response_format=form)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((schema_line("a", **{"two words": {"type": "string"}}),), "letters, digits"),
        ((chat_line("a"), {**chat_line("b"), "url": "/v1/responses"}), "invalid_url"),
        ((chat_line("a"), chat_line("b", model="other")), "mismatched_model"),
        ((chat_line("a"), chat_line("a")), "duplicate_custom_id"),
        ((chat_line("a", n=0),), "`n` is a whole number"),
    ],
)
def test_a_file_that_the_service_would_fail_is_refused_by_line(
    lines: tuple[dict[str, Any], ...], word: str
) -> None:
    with pytest.raises(InvalidLinesError) as caught:
        translated(BytesSource(jsonl(*lines)), {})
    problem = caught.value.problems[0]
    assert word in f"{problem.code} {problem.message}"


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"p": schema}}
    return schema


def test_arguments_of_two_types_and_schemas_too_deep_are_found_with_their_lines() -> None:
    def calls(arguments: str) -> dict[str, Any]:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        line = chat_line("x" + arguments)
        line["body"]["messages"] += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "ok"},
        ]
        return line

    lines = jsonl(
        calls('{"v": 1}'), calls('{"v": {}}'), calls('{"v": "1"}'), schema_line("d", p=deep(7))
    )
    with pytest.raises(InvalidLinesError) as caught:
        translated(BytesSource(lines), {})
    assert [one.line for one in caught.value.problems] == [3, 4]
    assert "line 1" in caught.value.problems[0].message


def rows(role: Any, *written: dict[str, Any], ids: tuple[str, ...] = ("one", "two")) -> list[Any]:
    table = RowIds(b"".join(Entry(name).encoded() for name in ids))
    text = "".join(json.dumps(row) + "\n" for row in written).encode()
    made = Rows(table, role, JobId("us-central1", "7")).translated(text)
    return [json.loads(line) for line in made.splitlines()]


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"request": {"labels": {"batchyard_id": f"by-{number}"}}, "status": "", **more}


@pytest.mark.parametrize(
    ("status", "http", "code"),
    [
        (
            'Bad Request: {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}',
            400,
            "INVALID_ARGUMENT",
        ),
        (
            'Too Many Requests: {"error": {"code": 429, "message": "m", "status": "EXHAUSTED"}}',
            429,
            "EXHAUSTED",
        ),
        ("Service Unavailable: m", 503, None),
        ("Service agents are being provisioned", 500, None),
        ("Bad Request: {not json}", 400, None),
    ],
)
def test_a_rows_status_is_read_whatever_it_is(status: str, http: int, code: str | None) -> None:
    (line,) = rows("error", row(status=status, response={}))
    assert (line["custom_id"], line["response"]["status_code"]) == ("one", http)
    assert line["response"]["body"]["error"]["code"] == code
    assert rows("output", row(status=status)) == []


def test_a_blocked_prompt_is_blocked_and_an_empty_answer_an_error() -> None:
    blocked = row(1, response={"promptFeedback": {"blockReason": "SAFETY"}})
    lines = rows("error", blocked, row(2, response={}), row(1, response={"usageMetadata": {}}))
    outcomes = [outcome_of(decode_result(json.dumps(line).encode())) for line in lines]
    assert outcomes == ["blocked", "error", "error"]


def test_rows_are_known_by_their_ids_and_never_by_their_place() -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}
    by_key = {"custom_id": "by-1", "status": "", "request": {}, "response": answer}
    lines = rows("output", row(2, response=answer), by_key, row(9, response=answer))
    assert [line["custom_id"] for line in lines] == ["two", "one", "by-9"]
    (lost,) = rows("error", {"status": "", "request": {"labels": None}, "response": answer})
    assert (lost["custom_id"], lost["error"]["code"]) == (None, "malformed_row")


def test_an_answer_becomes_a_chat_completion() -> None:
    answer = {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "He"},
                        {"text": "llo"},
                        {"functionCall": {"name": "f", "args": {"a": 1}}},
                    ]
                },
                "finishReason": "STOP",
            },
            {"index": 1, "finishReason": "MAX_TOKENS"},
            {"index": 2, "content": {}, "finishReason": "SAFETY"},
        ],
        "createTime": "2026-11-01T18:13:15.1Z",
        "modelVersion": "gemini-2.5-flash@default",
        "usageMetadata": {
            "promptTokenCount": 4,
            "toolUsePromptTokenCount": 1,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 31,
            "totalTokenCount": 38,
            "cachedContentTokenCount": 3,
        },
    }
    made = chat_completion(answer, "7-1", None)
    first, second, third = made["choices"]
    assert first["message"] == {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
        "reasoning_content": "hm",
        "tool_calls": [
            {
                "id": "call_7-1_0_3",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a": 1}'},
            }
        ],
    }
    assert (second["message"]["content"], second["finish_reason"]) == ("", "length")
    assert (first["finish_reason"], third["finish_reason"]) == ("tool_calls", "content_filter")
    assert (made["id"], made["model"], made["created"]) == (
        "chatcmpl-7-1",
        "gemini-2.5-flash",
        1793556795,
    )
    usage = made["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (
        5,
        33,
        38,
    )
    assert usage["prompt_tokens_details"]["cached_tokens"] == 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 31


def test_thoughts_that_are_counted_already_are_not_counted_twice() -> None:
    usage = {
        "promptTokenCount": 4,
        "candidatesTokenCount": 9,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 13,
    }
    made = chat_completion({"usageMetadata": usage}, "x", None)["usage"]
    assert made["completion_tokens"] == 9
    assert chat_completion({}, "x", None)["usage"] is None


ids = st.text(min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(ids, unique=True, min_size=1, max_size=6), st.text(max_size=20))
def test_ids_of_any_shape_come_back_and_the_importer_takes_the_file(
    names: list[str], text: str
) -> None:
    lines = jsonl(*(chat_line(name, text) for name in names))
    made = translated(BytesSource(lines), {})
    store = FileStore()
    writer = store.writer()
    writer.write(b"".join(made.source.chunks()))
    echoed = [
        row_ | {"status": "", "response": {"candidates": [{}]}}
        for row_ in imported(writer.commit())
    ]
    store.close()
    table = RowIds(made.ids)
    written = "".join(json.dumps(one) + "\n" for one in reversed(echoed)).encode()
    back = Rows(table, "output", JobId("us", "7")).translated(written).splitlines()
    assert [json.loads(line)["custom_id"] for line in back] == names[::-1]


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=6))
def test_metadata_comes_back_byte_for_byte(metadata: dict[str, str]) -> None:
    labels = labels_of(metadata)
    assert all(len(value) <= 63 and value == value.lower() for value in labels.values())
    assert metadata_of(labels) == (metadata or None)


@pytest.mark.parametrize(
    "labels", [{"batchyard-metadata-0": "!!"}, {"batchyard-metadata-0": "aaaa"}]
)
def test_labels_that_are_not_ours_are_no_metadata(labels: dict[str, str]) -> None:
    assert metadata_of(labels) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"request": {"a": null}}\n',
        b'{"request": {"a": {}}}\n',
        b'{"request": {"a b": 1}}\n',
        b'{"request": {"a": 1}}\n{"request": {"a": "1"}}\n',
        b'{"request": {"a": [1, "1"]}}\n',
        b"[]\n",
        b"{\n",
        b"\n",
    ],
)
def test_the_emulators_importer_fails_a_file_for_one_bad_line(line: bytes) -> None:
    store = FileStore()
    writer = store.writer()
    writer.write(line)
    with pytest.raises(ImportFailedError, match="Failed to import data"):
        imported(writer.commit())
    store.close()
