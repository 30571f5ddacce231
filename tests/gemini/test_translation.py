"""Lines there and back: nothing is lost in silence, and nothing but an error is raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard.errors import InputError
from batchyard.lines import decode_result
from batchyard_gemini._requests import Translator
from batchyard_gemini._results import line_of
from batchyard_gemini._thinking import thinking

CHAT = "/v1/chat/completions"
WORDS = st.text(min_size=1, max_size=8)
TEXT = WORDS.map(lambda one: {"type": "text", "text": one})
IMAGE = st.binary(max_size=6).map(
    lambda one: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one.hex()}"}}
)
USER = st.builds(
    lambda content: {"role": "user", "content": content},
    WORDS | st.lists(TEXT | IMAGE, min_size=2, max_size=3),
)
ASSISTANT = WORDS.map(lambda one: {"role": "assistant", "content": one})
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 9999),
        "n": st.integers(1, 8),
        "seed": st.integers(0, 2**31 - 1),
        "stop": st.lists(WORDS, min_size=1, max_size=4),
        "response_format": st.just({"type": "json_object"}),
        "tool_choice": st.sampled_from(["none", "auto", "required"]),
        "reasoning_effort": st.sampled_from(["none", "low", "medium", "high"]),
    },
)


def line(name: str, body: Any) -> bytes:
    return json.dumps({"custom_id": name, "method": "POST", "url": CHAT, "body": body}).encode()


def row_of(data: bytes, lossy: Any = "error") -> Any:
    return json.loads(Translator(lossy).row_of(data))


@given(WORDS, st.lists(st.tuples(USER, ASSISTANT), max_size=2), USER, PARAMETERS)
@settings(max_examples=60, deadline=None)
def test_a_request_comes_back_as_it_was(
    name: str, turns: list[Any], last: Any, parameters: dict[str, Any]
) -> None:
    messages = [message for turn in turns for message in turn] + [last]
    body = {"model": "gemini-2.5-flash", "messages": messages, **parameters}
    row = Translator("error").row_of(line(name, body))
    assert json.loads(line_of(row)) == json.loads(line(name, body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["messages", "tools", "tool_choice", "stop", "response_format", "n", "stream", "metadata"]
)


@given(st.dictionaries(FIELDS, JSON, max_size=4), JSON)
@settings(max_examples=60, deadline=None)
def test_whatever_a_body_holds_it_is_a_row_or_an_error(body: dict[str, Any], other: Any) -> None:
    for one in (other, {"model": "gemini-2.5-flash", "messages": [other], **body}):
        try:
            row_of(line("a", one))
        except InputError:
            continue


@given(JSON, st.sampled_from(["response", "error", "request"]))
@settings(max_examples=60, deadline=None)
def test_whatever_a_row_holds_it_is_a_line_of_its_key_or_passed_on(value: Any, field: str) -> None:
    row = json.dumps({"key": "a", field: value}).encode()
    made = line_of(row)
    assert made == row or json.loads(made)["custom_id"] == "a"
    if made != row and field != "request":
        assert decode_result(made).custom_id == "a"


def test_what_a_tool_answered_is_given_with_its_name_and_comes_back() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "at", "arguments": '{"x":1}'}},
        {"id": "c2", "type": "function", "function": {"name": "of", "arguments": "{}"}},
    ]
    messages = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": '{"here":true}'},
        {"role": "tool", "tool_call_id": "c2", "content": "plain"},
    ]
    data = line("a", {"model": "gemini-3-flash-preview", "messages": messages})
    contents = row_of(data)["request"]["contents"]
    assert [one["role"] for one in contents] == ["user", "model", "user"]
    assert contents[2]["parts"] == [
        {"functionResponse": {"name": "at", "response": {"here": True}, "id": "c1"}},
        {"functionResponse": {"name": "of", "response": {"content": "plain"}, "id": "c2"}},
    ]
    assert json.loads(line_of(json.dumps(row_of(data)).encode())) == json.loads(data)


def test_rows_of_geminis_own_pass_as_they_are() -> None:
    native = b'{"key": "1", "request": {"contents": [], "labels": {"a": "b"}}}'
    assert Translator("error").row_of(native) == native


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24576}),
        ("gemini-3-flash-preview", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", "medium", {"thinkingLevel": "MEDIUM"}),
    ],
)
def test_thinking_is_a_budget_or_a_level_by_the_model(
    model: str, effort: str, config: dict[str, Any]
) -> None:
    assert thinking(model, effort) == config


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("OF_TOMORROW", "stop"),
    ],
)
def test_reasons_are_read_and_an_answer_of_thoughts_alone_is_empty(
    reason: str, wanted: str
) -> None:
    row = {"key": "a", "response": {"candidates": [{"content": {}, "finishReason": reason}]}}
    found = json.loads(line_of(json.dumps(row).encode()))["response"]["body"]["choices"][0]
    assert found["finish_reason"] == wanted
    assert found["message"]["content"] == ""


@pytest.mark.parametrize(("code", "status"), [(3, 400), (8, 429), (14, 503), (404, 404), (7, 403)])
def test_codes_of_rows_are_http_statuses(code: int, status: int) -> None:
    row = {"key": "a", "error": {"code": code, "message": "no"}}
    found = json.loads(line_of(json.dumps(row).encode()))
    assert found["response"]["status_code"] == status
