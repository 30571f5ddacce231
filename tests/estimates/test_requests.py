from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.estimates._requests import Needs, read_needs
from tests.estimates.requests import chat, line


def needs(data: bytes) -> Needs:
    found = read_needs(data)
    assert found is not None
    return found


def test_a_conversation_has_its_texts_and_what_stands_around_them() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "Hello"}]},
    ]

    found = needs(line(1, messages=messages))

    assert found.texts == ["system", "Be brief.", "user", "Ann", "Hello"]
    assert found.tokens == 3 + 2 * 3
    assert found.extras == {}


def test_what_a_tool_was_called_with_is_text() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]

    found = needs(line(1, messages=[{"role": "assistant", "content": None, "tool_calls": calls}]))

    assert found.texts == ["assistant", "f", "{}"]


@pytest.mark.parametrize(
    ("url", "body", "texts", "tokens"),
    [
        ("/v1/embeddings", {"input": "one"}, ["one"], 0),
        ("/v1/embeddings", {"input": ["one", "two"]}, ["one", "two"], 0),
        ("/v1/embeddings", {"input": [1, 2, 3]}, [], 3),
        ("/v1/embeddings", {"input": [[1, 2], [3]]}, [], 3),
        ("/v1/completions", {"prompt": "one"}, ["one"], 0),
        ("/v1/responses", {"input": "one", "instructions": "be"}, ["be", "one"], 6),
        (
            "/v1/responses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "one"}]}]},
            ["one"],
            9,
        ),
        ("/v1/responses", {"input": [{"role": "user", "content": "one"}]}, ["one"], 9),
        ("/v1/moderations", {"input": "one"}, ["one"], 0),
    ],
)
def test_each_endpoint_has_its_texts_where_it_has_them(
    url: str, body: dict[str, Any], texts: list[str], tokens: int
) -> None:
    found = needs(line(1, url, **body))

    assert (found.texts, found.tokens) == (texts, tokens)


def test_what_has_tokens_that_nobody_can_count_is_counted_apart() -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}

    found = needs(
        line(
            1,
            messages=[{"role": "user", "content": content}],
            tools=[{"type": "function"}] * 2,
            response_format=schema,
        )
    )

    assert found.texts == ["user", "What is this?"]
    assert found.extras == {"images": 2, "audio": 1, "files": 1, "tools": 2, "schemas": 1}


def test_what_a_response_goes_on_from_is_unknown() -> None:
    found = needs(line(1, "/v1/responses", input="and then?", previous_response_id="resp_1"))

    assert found.extras == {"conversations": 1}


@pytest.mark.parametrize(
    ("url", "body", "cap", "choices"),
    [
        ("/v1/chat/completions", {}, None, 1),
        ("/v1/chat/completions", {"max_tokens": 50}, 50, 1),
        ("/v1/chat/completions", {"max_completion_tokens": 70, "n": 3}, 70, 3),
        ("/v1/chat/completions", {"max_tokens": None}, None, 1),
        ("/v1/chat/completions", {"max_tokens": "50"}, None, 1),
        ("/v1/chat/completions", {"max_tokens": True}, None, 1),
        ("/v1/chat/completions", {"max_tokens": 10**30, "n": 10**400}, None, 1),
        ("/v1/responses", {"max_output_tokens": 90}, 90, 1),
        ("/v1/completions", {"max_tokens": 5, "n": 2, "best_of": 4}, 5, 4),
        ("/v1/embeddings", {}, 0, 1),
        ("/v1/embeddings", {"max_tokens": 10}, 0, 1),
        ("/v1/moderations", {}, 0, 1),
        ("/v1/images/generations", {"prompt": "a cat", "n": 2}, None, 2),
        ("/v1/unheard-of", {"max_tokens": 10}, None, 1),
    ],
)
def test_the_most_that_an_answer_may_have(
    url: str, body: dict[str, Any], cap: int | None, choices: int
) -> None:
    found = needs(line(1, url, **body))

    assert (found.cap, found.choices) == (cap, choices)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_nothing(data: bytes) -> None:
    assert read_needs(data) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "name", "function", "x"]), inner
        )
    ),
    max_leaves=10,
)
FIELDS = ("messages", "input", "prompt", "instructions", "tools", "response_format", "text")


@given(st.dictionaries(st.sampled_from([*FIELDS, "images", "model", "n", "max_tokens"]), JSON))
def test_whatever_a_body_holds_is_read(body: dict[str, Any]) -> None:
    record = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}

    found = needs(json.dumps(record).encode())

    assert found.tokens >= 0
    assert all(isinstance(one, str) for one in found.texts)


def test_a_text_is_given_in_parts_up_to_a_length() -> None:
    found = needs(chat(1, "abcdef"))

    assert list(found.parts(7)) == ["user", "abc"]
    assert found.characters == 10
