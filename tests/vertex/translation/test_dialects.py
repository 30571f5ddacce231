"""Responses, Gemini's own requests, Claude's, and models that take OpenAI's lines."""

from __future__ import annotations

from typing import Any

import pytest

from batchyard.errors import InvalidLinesError
from batchyard_vertex.emulator._models import Kind
from tests.vertex.translation.lines import (
    Line,
    answered,
    back,
    chat,
    ids_of,
    line,
    loaded,
    sent,
)

CLAUDE = "claude-sonnet-4-5@20250929"
HI = {"role": "user", "parts": [{"text": "Hi"}]}
PNG = "data:image/png;base64,aGk="
FUNCTION = {
    "type": "function",
    "name": "f",
    "parameters": {"properties": {"x": {"type": "string"}}},
}


def response(custom_id: str = "one", model: str = "gemini-2.5-flash", **body: Any) -> Line:
    return line(custom_id, "/v1/responses", **{"model": model, "input": "Hi", **body})


def request_of(one: Line, **options: Any) -> Any:
    written, made = sent(one, **options)
    assert loaded(made) == written
    request = written[0]["request"]
    del request["labels"]
    return request


def refused(one: Line) -> tuple[str, str | None]:
    with pytest.raises(InvalidLinesError) as caught:
        sent(one)
    problem = caught.value.problems[0]
    return problem.code, problem.param


def test_a_response_is_asked_for_in_the_same_words() -> None:
    request = request_of(
        response(
            instructions="Be brief.",
            input=[
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": '{"x": "y"}',
                },
                {"type": "function_call_output", "call_id": "c1", "output": "ok"},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_image", "image_url": PNG},
                        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
                    ],
                },
            ],
            max_output_tokens=50,
            tools=[FUNCTION],
            tool_choice={"type": "function", "name": "f"},
            text={
                "format": {
                    "type": "json_schema",
                    "name": "s",
                    "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
                }
            },
            reasoning={"effort": "low", "summary": "auto"},
            include=["message.output_text.logprobs"],
            top_logprobs=2,
            store=False,
        )
    )
    schema = {"type": "OBJECT", "propertyOrdering": ["a"], "properties": {"a": {"type": "STRING"}}}
    parameters = {
        "type": "OBJECT",
        "propertyOrdering": ["x"],
        "properties": {"x": {"type": "STRING"}},
    }
    assert request == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            HI,
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": "y"}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "f", "response": {"content": "ok"}}}],
            },
            {
                "role": "user",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                    {
                        "fileData": {
                            "mimeType": "application/pdf",
                            "fileUri": "https://a.example/b.pdf",
                        }
                    },
                ],
            },
        ],
        "generationConfig": {
            "logprobs": 2,
            "maxOutputTokens": 50,
            "responseLogprobs": True,
            "responseMimeType": "application/json",
            "responseSchema": schema,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
        },
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    }


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"previous_response_id": "resp_1"}, "unsupported", "body.previous_response_id"),
        ({"conversation": "conv_1"}, "unsupported", "body.conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "unsupported", "body.prompt"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "unsupported", "body.input[0].type"),
        ({"tools": [{"type": "code_interpreter"}]}, "unsupported", "body.tools[0].type"),
        ({"input": 5}, "invalid_request", "input"),
        ({"input": [{"role": "narrator", "content": "x"}]}, "invalid_request", "input[0].role"),
        (
            {"instructions": "x", "input": [{"role": "user", "content": [{"type": "smell"}]}]},
            "invalid_request",
            "input[0].content[0].type",
        ),
        ({"max_output_tokens": 0}, "invalid_request", "max_output_tokens"),
        ({"reasoning": {"effort": "utmost"}}, "invalid_request", "reasoning.effort"),
        ({"text": {"verbosity": "low"}}, "unsupported", "body.text.verbosity"),
        ({"truncation": "auto"}, "unsupported", "body.truncation"),
        ({"max_tool_calls": 3}, "unsupported", "body.max_tool_calls"),
    ],
)
def test_what_a_response_cannot_have_is_told_in_its_own_words(
    body: dict[str, Any], code: str, param: str
) -> None:
    assert refused(response(**body)) == (code, param)


def test_a_response_comes_back() -> None:
    written, made = sent(response("a"), response("b"))
    one, two = back(ids_of(made), "output", [answered(row) for row in reversed(written)])
    assert [one["custom_id"], two["custom_id"]] == ["b", "a"]
    assert one["response"]["body"]["output"][0]["content"][0]["text"] == "Hello"


def native(custom_id: str = "one", **body: Any) -> Line:
    given = {"model": "gemini-2.5-flash", "contents": [HI]}
    return line(custom_id, "/v1/generateContent", **{**given, **body})


def test_geminis_own_requests_pass_and_its_own_answers_come_back() -> None:
    written, made = sent(native(labels={"team": "a"}, generationConfig={"temperature": 1}))
    assert written == [
        {
            "custom_id": "by-1",
            "request": {
                "contents": [HI],
                "generationConfig": {"temperature": 1},
                "labels": {"team": "a", "batchyard_id": "by-1"},
            },
        }
    ]
    row = answered(written[0], usageMetadata={"promptTokenCount": 3})
    (one,) = back(ids_of(made), "output", [row])
    assert one["response"]["body"] == {"modelVersion": "gemini-2.5-flash", **row["response"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"contents": []}, "invalid_request"),
        ({"cachedContent": "c"}, "unsupported"),
        ({"tools": [{"googleSearch": {}}]}, "import_conflict"),
        ({"generationConfig": {"seed": None}}, "import_conflict"),
        ({"generationConfig": {"responseJsonSchema": {"$defs": {"a": 1}}}}, "import_conflict"),
    ],
)
def test_geminis_own_requests_keep_to_the_importers_rules(body: dict[str, Any], code: str) -> None:
    assert refused(native(**body))[0] == code


def test_geminis_own_requests_agree_in_their_types_over_the_file() -> None:
    two = native("b", generationConfig={"stopSequences": "x"})
    with pytest.raises(InvalidLinesError, match="in line 1") as caught:
        sent(native("a", generationConfig={"stopSequences": ["x"]}), two)
    assert caught.value.problems[0].line == 2


def test_claude_is_asked_in_its_own_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    written, made = sent(
        chat(
            model=CLAUDE,
            messages=[
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look"},
                        {"type": "image_url", "image_url": {"url": PNG}},
                    ],
                },
                {"role": "assistant", "content": "ok", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
                {"role": "user", "content": "And?"},
            ],
            max_tokens=50,
            temperature=1.5,
            stop="x",
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice="required",
            reasoning_effort="low",
            parallel_tool_calls=False,
        )
    )
    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    assert loaded(made) == written
    assert written[0] == {
        "custom_id": "by-1",
        "request": {
            "anthropic_version": "vertex-2023-10-16",
            "max_tokens": 1074,
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look"},
                        {"type": "image", "source": picture},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "ok"},
                        {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c1",
                            "content": [{"type": "text", "text": "1"}],
                        },
                        {"type": "text", "text": "And?"},
                    ],
                },
            ],
            "temperature": 1.0,
            "stop_sequences": ["x"],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    }


def test_claudes_answers_come_back() -> None:
    written, made = sent(chat("mine", model=CLAUDE))
    message = {
        "id": "msg_1",
        "type": "message",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Hello"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "output_tokens": 7,
        },
    }
    (one,) = back(ids_of(made), "output", [{**written[0], "status": "", "response": message}])
    assert one["custom_id"] == "mine"
    body = one["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "Hello"
    assert body["choices"][0]["message"]["reasoning_content"] == "hm"
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"x":1}'
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["usage"]["prompt_tokens"] == 17
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    assert body["usage"]["prompt_tokens_details"]["cache_write_tokens"] == 2


def test_claudes_own_requests_pass_as_they_are() -> None:
    body = {
        "anthropic_version": "vertex-2023-10-16",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 50,
    }
    written, _ = sent(line("a", "/v1/chat/completions", model=CLAUDE, **body))
    assert written == [{"custom_id": "by-1", "request": body}]


def test_what_claude_has_no_word_for_is_told() -> None:
    assert refused(chat(model=CLAUDE, logit_bias={"1": 1})) == ("unsupported", "body.logit_bias")
    assert refused(chat(model=CLAUDE, n=2)) == ("unsupported", "body.n")
    _, made = sent(chat(model=CLAUDE, seed=1), lossy="drop")
    kinds = {(one.kind, one.field) for one in made.losses.fields()}
    assert kinds == {("lost", "seed"), ("approximated", "max_completion_tokens")}


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"metadata": {"team": "red"}}, ("ignored", "metadata")),
        ({"reasoning_effort": "minimal"}, ("approximated", "reasoning_effort")),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]},
            ("approximated", "tools[].function.strict"),
        ),
        (
            {"messages": [{"role": "user", "name": "ann", "content": "Hi"}]},
            ("lost", "messages[].name"),
        ),
        (
            {"messages": [{"role": "user", "content": [PICTURE]}]},
            ("lost", "messages[].content[].image_url.detail"),
        ),
    ],
)
def test_nothing_is_left_out_of_a_request_for_claude_without_a_word(
    body: dict[str, Any], told: tuple[str, str]
) -> None:
    _, made = sent(chat(model=CLAUDE, max_tokens=5, **body), lossy="drop")
    assert [(one.kind, one.field, one.lines) for one in made.losses.fields()] == [(*told, (1,))]


@pytest.mark.parametrize("model", [CLAUDE, "meta/llama-3.3-70b-instruct-maas"])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": True}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a b": {"type": "string"}}},
    ],
)
def test_what_the_importer_does_not_take_is_refused_by_line_for_other_models_too(
    model: str, schema: dict[str, Any]
) -> None:
    """One such line would fail the whole job, and not say which it was."""
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    with pytest.raises(InvalidLinesError) as caught:
        sent(chat("a", model=model), chat("b", model=model, tools=[tool]))
    (problem,) = caught.value.problems
    assert (problem.line, problem.code) == (2, "import_conflict")


@pytest.mark.parametrize("model", [CLAUDE, "meta/llama-3.3-70b-instruct-maas"])
def test_a_tool_without_parameters_can_be_loaded(model: str) -> None:
    empty = {"type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "f", "parameters": empty}}
    _, made = sent(chat("a", model=model, stop=None, tools=[tool]))
    kind = Kind.CLAUDE if model == CLAUDE else Kind.OPEN
    assert len(loaded(made, kind)) == 1


def test_thoughts_of_another_model_and_what_nobody_includes_are_told() -> None:
    items = [{"type": "reasoning", "summary": []}, {"role": "user", "content": "Hi"}]
    _, made = sent(response(input=items, include=["reasoning.encrypted_content"]))
    assert [(one.kind, one.field) for one in made.losses.fields()] == [
        ("ignored", "input[]"),
        ("ignored", "include.reasoning.encrypted_content"),
    ]


def test_open_models_take_openais_lines() -> None:
    one = chat("mine", model="meta/llama-3.3-70b-instruct-maas", temperature=0.5)
    written, made = sent(one)
    assert written == [{**one, "custom_id": "by-1"}]
    body = {"id": "x", "object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 1}}
    (back_again,) = back(ids_of(made), "output", [{"custom_id": "by-1", "response": body}])
    assert back_again["custom_id"] == "mine"
    assert back_again["response"]["body"] == {"model": "llama-3.3-70b-instruct-maas", **body}


def test_models_of_others_take_chats_only() -> None:
    assert refused(response(model=CLAUDE)) == ("invalid_url", "url")
