"""Whole files: what the importer takes, and every line under its own id again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchyard.errors import InvalidLinesError
from batchyard.steps import BytesSource
from batchyard_vertex.translation import Options, translated
from batchyard_vertex.translation._digests import encoded
from batchyard_vertex.translation._messages import Conversation
from batchyard_vertex.translation._plain_messages import plain_contents
from batchyard_vertex.translation._traits import traits_of
from tests.vertex.translation.bodies import chat_lines
from tests.vertex.translation.lines import Line, answered, back, chat, ids_of, line, loaded, sent

CHAT = b'{"custom_id": "a", "url": "/v1/chat/completions", "body": %b}\n'

QUIET = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def round_trip(lines: list[Line]) -> None:
    """Every line passes the strict importer, and comes back by its ids or by its request alone."""
    _, made = sent(*lines, lossy="drop")
    rows = loaded(made)
    assert len(rows) == made.rows == len(lines)
    names = sorted(one["custom_id"] for one in lines)
    echoes = [answered(row) for row in reversed(rows)]
    assert sorted(one["custom_id"] for one in back(ids_of(made), "output", echoes)) == names
    assert back(ids_of(made), "error", echoes) == []
    for row in echoes:
        del row["custom_id"], row["request"]["labels"]
    assert sorted(one["custom_id"] for one in back(ids_of(made), "output", echoes)) == names


@QUIET
@given(chat_lines())
def test_any_valid_line_becomes_one_that_is_imported_and_comes_back(lines: list[Line]) -> None:
    round_trip(lines)


@QUIET
@given(chat_lines(most=4))
def test_any_valid_file_becomes_one_that_is_imported_and_comes_back(lines: list[Line]) -> None:
    round_trip(lines)


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant"]),
            "content": st.text(max_size=5) | st.just("x"),
        },
        optional={"name": st.just("Ann")},
    ),
    max_size=5,
)


@QUIET
@given(MESSAGES)
def test_texts_alone_come_to_the_same_by_the_shorter_way(messages: list[dict[str, Any]]) -> None:
    plain = plain_contents(msgspec.Raw(msgspec.json.encode(messages)))
    if plain is not None:
        talk = Conversation(messages, traits_of("gemini-2.5-flash"), [])
        assert (encoded(plain[0]), encoded(plain[1])) == (
            encoded(talk.contents),
            encoded(talk.system),
        )


def test_an_ordinary_conversation_goes_the_shorter_way() -> None:
    said = b'[{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}]'
    assert plain_contents(msgspec.Raw(said)) is not None
    assert plain_contents(msgspec.Raw(said.replace(b"Hi", b""))) is None


def schema_line(custom_id: str, **properties: Any) -> Line:
    schema = {"type": "object", "properties": properties}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return chat(custom_id, response_format=form)


def called(custom_id: str, arguments: str) -> Line:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "ok"},
    ]
    return chat(custom_id, messages=messages)


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"p": schema}}
    return schema


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((schema_line("a", **{"two words": {"type": "string"}}),), "letters, digits"),
        ((chat("a"), line("b", "/v1/images/generations", model="m")), "invalid_url"),
        ((chat("a"), line("b", "/v1/embeddings", model="gemini-2.5-flash")), "invalid_url"),
        ((line("b", "/v1/chat/completions"),), "`body.model` is missing"),
        ((chat("a"), chat("b", model="other")), "mismatched_model"),
        ((chat("a"), chat("a")), "duplicate_custom_id"),
        ((chat("a", n=0),), "`n` is a whole number"),
        ((called("a", '{"two words": 1}'),), "letters, digits"),
        ((called("a", '{"a": NaN}'),), "a JSON object"),
        ((), "empty_file"),
    ],
)
def test_a_file_that_the_service_would_fail_is_refused_by_line(
    lines: tuple[Line, ...], word: str
) -> None:
    with pytest.raises(InvalidLinesError) as caught:
        sent(*lines)
    problem = caught.value.problems[0]
    assert word in f"{problem.code} {problem.message}"
    assert problem.line == len(lines)


def test_arguments_of_two_types_and_schemas_too_deep_are_found_with_their_lines() -> None:
    with pytest.raises(InvalidLinesError) as caught:
        sent(
            called("a", '{"v": 1}'),
            called("b", '{"v": {}}'),
            called("c", '{"v": "1"}'),
            schema_line("d", p=deep(7)),
        )
    assert [one.line for one in caught.value.problems] == [3, 4]
    assert "line 1" in caught.value.problems[0].message
    assert caught.value.problems[0].param == "body.messages[1].tool_calls[0].function.arguments"


def test_schemas_as_deep_as_the_importer_takes_are_taken() -> None:
    _, made = sent(schema_line("a", p=deep(4)))
    assert len(loaded(made)) == 1


def test_lines_that_differ_in_their_schemas_are_imported_together() -> None:
    """A nullable text, an enumeration and a number: Gemini's schemas have one type a path."""
    _, made = sent(
        schema_line("a", v={"type": ["string", "null"]}),
        schema_line("b", v={"enum": ["x", 1, None]}),
        schema_line("c", v={"type": "integer", "minimum": 0}),
        schema_line("d", v={"type": "number", "minimum": 0.5, "default": {"a": 1}}),
    )
    assert len(loaded(made)) == 4


def test_numbers_have_one_type_in_the_whole_file() -> None:
    written, _ = sent(chat("a", temperature=1), chat("b", temperature=0.5))
    found = [type(one["request"]["generationConfig"]["temperature"]) for one in written]
    assert found == [float, float]


@pytest.mark.parametrize(
    "data",
    [
        b"{\n",
        b"[]\n",
        b'{"custom_id": 5, "url": "u", "body": {}}\n',
        b'{"custom_id": "a", "url": "/v1/chat/completions", "body": []}\n',
        CHAT % b'{"model": "m", "messages": "\xff"}',
        CHAT % b'{"model": "m", "messages": [], "stop": "\xff"}',
        CHAT % b'{"model": "m", "messages": [',
        b'{"custom_id": "\xff", "url": "/v1/chat/completions", "body": {"model": "m"}}\n',
    ],
)
def test_a_line_that_is_no_request_refuses_the_file(data: bytes) -> None:
    with pytest.raises(InvalidLinesError) as caught:
        translated(BytesSource(data), Options())
    assert caught.value.problems[0].code == "invalid_json_line"


def test_blank_lines_and_a_byte_order_mark_are_passed_over() -> None:
    text = b'{"custom_id": "a", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}'
    made = translated(BytesSource(b"\xef\xbb\xbf\n" + text + b"\r\n\n"), Options())
    assert made.lines == 1


def test_a_file_of_wrong_lines_alone_is_refused_and_one_with_some_is_not() -> None:
    with pytest.raises(InvalidLinesError) as caught:
        sent(chat("a", n=0), chat("b", temperature=9))
    assert [(one.line, one.param) for one in caught.value.problems] == [
        (1, "n"),
        (2, "temperature"),
    ]
    written, made = sent(chat("a", n=0), chat("b"))
    assert [one["custom_id"] for one in written] == ["by-2"]
    assert (made.lines, made.left_out) == (2, 1)


def test_settings_that_differ_from_line_to_line_are_not_mixed_up() -> None:
    lines = [chat(f"r-{number}", temperature=(number % 150) / 100) for number in range(400)]
    written, _ = sent(*lines)
    found = [one["request"]["generationConfig"]["temperature"] for one in written]
    assert found == [(number % 150) / 100 for number in range(400)]
