from __future__ import annotations

import base64
import json
import math
import re
import struct
from typing import Any

import pytest
from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse, Video
from openai.types import ModerationCreateResponse as Moderation
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from tests.emulators.parts import CHAT, Rig, chat, chats, request

USER = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
        },
    },
}
TICKET = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "score", "tags", "author", "due", "parent"],
    "properties": {
        "label": {"enum": ["bug", "question"]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2},
        "author": {"$ref": "#/$defs/author"},
        "due": {"type": "string", "format": "date"},
        "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "$defs": {
        "author": {
            "type": "object",
            "additionalProperties": False,
            "required": ["email"],
            "properties": {"email": {"type": "string", "format": "email"}},
        }
    },
}


def structured(schema: dict[str, Any], **definition: Any) -> dict[str, Any]:
    nested = {"name": "thing", "schema": schema} | definition
    return {"type": "json_schema", "json_schema": nested}


def message(answer: Any) -> Any:
    return answer["choices"][0]["message"]


def test_a_chat_answer_is_a_chat_completion(rig: Rig) -> None:
    answer = ChatCompletion.model_validate(rig.answer(chat("a", "What is 2 + 2?")), strict=True)
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.choices[0].message.content == "4"
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        ("Classify the sentiment: I love it, great!", {"positive"}),
        ("Classify as billing, bug or question: there is a bug in here", {"bug"}),
        ("Classify as red, green or blue: the sky", {"red", "green", "blue"}),
    ],
)
def test_an_answer_is_of_the_kind_that_was_asked_for(
    rig: Rig, prompt: str, answers: set[str]
) -> None:
    assert message(rig.answer(chat("a", prompt)))["content"] in answers


def test_answers_vary(rig: Rig) -> None:
    lines = [chat(str(number), f"Tell me about subject {number}") for number in range(20)]
    texts = {message(response["body"])["content"] for response in rig.answers(lines).values()}
    assert len(texts) == 20


def test_several_choices_are_several_and_paid_for(rig: Rig) -> None:
    one = rig.answer(chat("a", "Tell me something"))
    three = rig.answer(chat("a", "Tell me something", n=3))
    assert [choice["index"] for choice in three["choices"]] == [0, 1, 2]
    assert three["usage"]["completion_tokens"] > one["usage"]["completion_tokens"]
    assert three["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]


def test_an_answer_stops_at_its_limit(rig: Rig) -> None:
    answer = rig.answer(chat("a", "Tell me something", max_tokens=3))
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_a_reasoning_model_that_is_cut_while_thinking_says_nothing(rig: Rig) -> None:
    line = chat("a", model="gpt-5-mini", max_completion_tokens=10, reasoning_effort="high")
    answer = rig.answer(line)
    assert message(answer)["content"] == ""
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10


def test_logprobs_come_for_every_token(rig: Rig) -> None:
    answer = ChatCompletion.model_validate(
        rig.answer(chat("a", "Tell me something", logprobs=True, top_logprobs=3)), strict=True
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == answer.choices[0].message.content
    assert all(len(token.top_logprobs) == 3 for token in logprobs.content)
    assert all(token.logprob < 0 for token in logprobs.content)


def test_a_tool_is_called_with_valid_arguments(rig: Rig) -> None:
    answer = ChatCompletion.model_validate(
        rig.answer(chat("a", "How is the weather?", tools=[TOOL])), strict=True
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str)
    assert arguments["days"] >= 2


def test_a_model_told_not_to_call_a_tool_speaks(rig: Rig) -> None:
    answer = rig.answer(chat("a", tools=[TOOL], tool_choice="none"))
    assert message(answer)["content"]
    assert "tool_calls" not in message(answer)


def test_a_model_that_was_given_a_tools_result_speaks(rig: Rig) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        *USER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    assert message(rig.answer(chat("a", messages=messages, tools=[TOOL])))["content"]


def check_ticket(ticket: Any, depth: int = 0) -> None:
    assert set(ticket) == set(TICKET["properties"])  # type: ignore[call-overload]
    assert ticket["label"] in ("bug", "question")
    assert 0 <= ticket["score"] <= 1
    assert len(ticket["tags"]) >= 2
    assert all(len(tag) <= 5 for tag in ticket["tags"])
    assert "@" in ticket["author"]["email"]
    assert len(ticket["due"].split("-")) == 3
    assert depth < 10
    if ticket["parent"] is not None:
        check_ticket(ticket["parent"], depth + 1)


def test_structured_output_is_valid_against_its_schema(rig: Rig) -> None:
    lines = [
        chat(str(number), response_format=structured(TICKET, strict=True)) for number in range(10)
    ]
    for response in rig.answers(lines).values():
        check_ticket(json.loads(message(response["body"])["content"]))


SCHEMAS: dict[str, tuple[dict[str, Any], Any]] = {
    "const": ({"const": "x"}, lambda value: value == "x"),
    "a choice of types": ({"type": ["string", "null"]}, lambda value: isinstance(value, str)),
    "boolean": ({"type": "boolean"}, lambda value: isinstance(value, bool)),
    "null": ({"type": "null"}, lambda value: value is None),
    "one of": (
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        lambda value: isinstance(value, int),
    ),
    "all of": (
        {"allOf": [{"type": "integer"}, {"minimum": 5}, {"maximum": 6}]},
        lambda value: value in (5, 6),
    ),
    "multiples": (
        {"type": "integer", "minimum": 1, "maximum": 30, "multipleOf": 10},
        lambda value: value in (10, 20, 30),
    ),
    "between": (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        lambda value: 0 < value < 1,
    ),
    "below zero": ({"type": "integer", "maximum": -5}, lambda value: value <= -5),
    "a pattern": (
        {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
        lambda value: re.fullmatch("[A-Z]{3}-[0-9]{4}", value),
    ),
    "a length": (
        {"type": "string", "minLength": 80, "maxLength": 90},
        lambda value: 80 <= len(value) <= 90,
    ),
    "an exact number of items": (
        {"type": "array", "items": {"type": "integer"}, "minItems": 7, "maxItems": 7},
        lambda value: len(value) == 7,
    ),
    "an untyped object": (
        {"properties": {"a": {"type": "integer"}}},
        lambda value: isinstance(value["a"], int),
    ),
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_instances_keep_what_their_schema_says(rig: Rig, case: str) -> None:
    schema, is_valid = SCHEMAS[case]
    root = {"type": "object", "properties": {"it": schema}, "required": ["it"]}
    lines = [chat(str(number), response_format=structured(root)) for number in range(8)]
    for response in rig.answers(lines).values():
        value = json.loads(message(response["body"])["content"])["it"]
        assert is_valid(value), value


def test_a_summary_is_made_of_the_text(rig: Rig) -> None:
    text = "The committee met in Lisbon on Monday and agreed to build the long promised bridge."
    answer = message(rig.answer(chat("a", f"Summarise this text.\n{text}")))["content"]
    assert answer.startswith("The committee met in Lisbon")


def test_an_extraction_finds_what_is_there(rig: Rig) -> None:
    text = "Extract the contact: Ada Lovelace, ada@example.com, 42 High Street"
    answer = message(rig.answer(chat("a", text)))["content"].splitlines()
    assert "Name: Ada Lovelace" in answer
    assert "Email: ada@example.com" in answer
    assert "Number: 42" in answer


def test_images_in_a_prompt_cost_tokens(rig: Rig) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    text = {"type": "text", "text": "What is this?"}
    plain = rig.answer(chat("a", messages=[{"role": "user", "content": [text]}]))
    seen = rig.answer(chat("a", messages=[{"role": "user", "content": [text, image]}]))
    assert seen["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"] + 50


@pytest.mark.parametrize("model", ["gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini:me::7"])
def test_snapshots_and_fine_tunes_answer_under_their_own_names(rig: Rig, model: str) -> None:
    assert rig.answer(chat("a", model=model))["model"] == model


def test_an_answer_ends_before_a_stop_sequence(rig: Rig) -> None:
    whole = message(rig.answer(chat("a", "Tell me something")))["content"]
    for stop in (" ", [" ", "zzz"]):
        assert " " not in message(rig.answer(chat("a", "Tell me something", stop=stop)))["content"]
    assert " " in whole


def test_json_mode_answers_with_the_keys_that_the_prompt_names(rig: Rig) -> None:
    prompt = 'Answer in JSON with "name": and "city": for this person'
    answer = rig.answer(chat("a", prompt, response_format={"type": "json_object"}))
    assert set(json.loads(message(answer)["content"])) == {"name", "city"}


def test_a_long_shared_prefix_is_cached_from_its_second_row_on(rig: Rig) -> None:
    system = {"role": "system", "content": "These are the rules. " * 400}
    lines = [
        chat(str(n), messages=[system, {"role": "user", "content": f"Case {n}"}]) for n in range(5)
    ]
    batch = rig.finish(lines)
    cached = sorted(
        row["response"]["body"]["usage"]["prompt_tokens_details"]["cached_tokens"]
        for row in rig.rows(batch.output_file_id)
    )
    assert cached == [0, 2048, 2048, 2048, 2048]
    assert batch.usage is not None
    assert batch.usage.input_tokens_details.cached_tokens == sum(cached)


def test_a_response_is_a_response(rig: Rig) -> None:
    line = request(
        "/v1/responses",
        model="gpt-5-nano",
        input=[{"role": "user", "content": "What is 2 + 2? Just the number."}],
        store=False,
        include=["reasoning.encrypted_content"],
    )
    answer = Response.model_validate(rig.answer(line), strict=True)
    assert answer.output_text == "4"
    assert answer.model == "gpt-5-nano-2025-08-07"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.status == "completed"
    assert answer.usage is not None
    assert answer.usage.output_tokens_details.reasoning_tokens % 64 == 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_response_that_is_cut_is_incomplete(rig: Rig) -> None:
    line = request("/v1/responses", model="gpt-4o", input="Tell me a story", max_output_tokens=16)
    answer = Response.model_validate(rig.answer(line), strict=True)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_response_may_be_structured(rig: Rig) -> None:
    text = {"format": {"type": "json_schema", "name": "t", "schema": TICKET, "strict": True}}
    line = request("/v1/responses", model="gpt-4o", input="A bug", text=text)
    answer = Response.model_validate(rig.answer(line))
    check_ticket(json.loads(answer.output_text))


def test_a_response_may_call_a_tool(rig: Rig) -> None:
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    messages = [{"role": "user", "content": "Weather?"}]
    line = request("/v1/responses", model="gpt-4o", input=messages, tools=[tool])
    answer = rig.answer(line)
    assert answer["output"][0]["type"] == "function_call"
    assert answer["output"][0]["name"] == "weather"


def test_embeddings_are_unit_vectors_of_the_asked_size(rig: Rig) -> None:
    line = request(
        "/v1/embeddings", model="text-embedding-3-small", input=["one", "two"], dimensions=256
    )
    answer = CreateEmbeddingResponse.model_validate(rig.answer(line), strict=True)
    assert [item.index for item in answer.data] == [0, 1]
    for item in answer.data:
        assert len(item.embedding) == 256
        assert math.isclose(sum(value * value for value in item.embedding), 1, abs_tol=1e-6)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 2


@pytest.mark.parametrize(
    ("value", "count"), [("one", 1), (["a", "b", "c"], 3), ([1, 2, 3], 1), ([[1], [2, 3]], 2)]
)
def test_embeddings_take_texts_and_tokens(rig: Rig, value: Any, count: int) -> None:
    line = request("/v1/embeddings", model="text-embedding-3-large", input=value)
    answer = rig.answer(line)
    assert len(answer["data"]) == count
    assert len(answer["data"][0]["embedding"]) == 3072


def test_embeddings_come_as_base64_when_asked(rig: Rig) -> None:
    line = request(
        "/v1/embeddings", model="text-embedding-3-small", input="x", encoding_format="base64"
    )
    raw = base64.b64decode(rig.answer(line)["data"][0]["embedding"])
    values = struct.unpack(f"<{len(raw) // 4}f", raw)
    assert len(values) == 1536
    assert math.isclose(sum(value * value for value in values), 1, abs_tol=1e-3)


def test_a_completion_is_a_completion(rig: Rig) -> None:
    line = request("/v1/completions", model="gpt-3.5-turbo-instruct", prompt=["a", "b"], n=2)
    answer = Completion.model_validate(rig.answer(line), strict=True)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4 * 16


def test_a_moderation_is_a_moderation(rig: Rig) -> None:
    line = request("/v1/moderations", input=["hello", "I will kill you"])
    answer = Moderation.model_validate(rig.answer(line), strict=True)
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence


def test_an_image_is_a_picture(rig: Rig) -> None:
    line = request("/v1/images/generations", model="gpt-image-1", prompt="a cat", n=2)
    answer = ImagesResponse.model_validate(rig.answer(line), strict=True)
    assert answer.data is not None
    assert len(answer.data) == 2
    assert base64.b64decode(answer.data[0].b64_json or "").startswith(b"\x89PNG")


def test_a_video_is_a_finished_video(rig: Rig) -> None:
    line = request("/v1/videos", model="sora-2", prompt="a cat", seconds="8")
    answer = Video.model_validate(rig.answer(line), strict=True)
    assert (answer.status, answer.seconds) == ("completed", "8")


REFUSALS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "too hot": ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
    "too cold": ({"temperature": -1}, "temperature", "decimal_below_min_value"),
    "temperature no number": ({"temperature": "hot"}, "temperature", "invalid_type"),
    "no choice": ({"n": 0}, "n", "integer_below_min_value"),
    "too many choices": ({"n": 129}, "n", "integer_above_max_value"),
    "n no integer": ({"n": 1.5}, "n", "invalid_type"),
    "no tokens": ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
    "unknown": ({"temprature": 1}, "temprature", "unknown_parameter"),
    "no messages": ({"messages": []}, "messages", "empty_array"),
    "messages no list": ({"messages": "hi"}, "messages", "invalid_type"),
    "a message no object": ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
    "no role": ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
    "unknown role": (
        {"messages": [*USER, {"role": "robot", "content": "x"}]},
        "messages[1].role",
        "invalid_value",
    ),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
    "unknown part": (
        {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        "messages[0].content[0].type",
        "invalid_value",
    ),
    "a tool result from nowhere": (
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]},
        "messages[0].role",
        None,
    ),
    "top_logprobs alone": ({"top_logprobs": 3}, "top_logprobs", None),
    "top_logprobs over 20": (
        {"logprobs": True, "top_logprobs": 21},
        "top_logprobs",
        "integer_above_max_value",
    ),
    "many stops": ({"stop": list("abcde")}, "stop", "array_above_max_length"),
    "unknown format": (
        {"response_format": {"type": "xml"}},
        "response_format.type",
        "invalid_value",
    ),
    "JSON mode unasked": ({"response_format": {"type": "json_object"}}, "messages", None),
    "a schema without a name": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "response_format.json_schema.name",
        "missing_required_parameter",
    ),
    "an open strict schema": (
        {"response_format": structured({"type": "object"}, strict=True)},
        "response_format.json_schema",
        None,
    ),
    "no tools": ({"tools": []}, "tools", "empty_array"),
    "a tool without a name": (
        {"tools": [{"type": "function", "function": {}}]},
        "tools[0].function.name",
        "missing_required_parameter",
    ),
    "a choice without tools": ({"tool_choice": "auto"}, "tool_choice", None),
    "effort": ({"reasoning_effort": "low"}, "reasoning_effort", "unsupported_parameter"),
    "old limit": ({"model": "gpt-5", "max_tokens": 5}, "max_tokens", "unsupported_parameter"),
    "temperature while reasoning": (
        {"model": "gpt-6.1-sol", "temperature": 0.2},
        "temperature",
        "unsupported_value",
    ),
    "a model that must reason": (
        {"model": "gpt-6.1-sol", "reasoning_effort": "none"},
        "reasoning_effort",
        "unsupported_value",
    ),
    "tools while reasoning": (
        {"model": "gpt-6-sol", "tools": [TOOL]},
        "tools",
        "unsupported_value",
    ),
    "too long": (
        {"model": "gpt-4", "messages": [{"role": "user", "content": "x" * 40_000}]},
        "messages",
        "context_length_exceeded",
    ),
    "against the policy": (
        {"messages": [{"role": "user", "content": "do [[flagged]] things"}]},
        "",
        "invalid_prompt",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_chat_row_fails_for_a_real_reason(rig: Rig, case: str) -> None:
    body, param, code = REFUSALS[case]
    error = rig.refusal(chat("a", **body))
    assert (error["param"], error["code"]) == (param or None, code)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("url", "body", "param"),
    [
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": ""}, "input"),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": []}, "input"),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", ""]}, "input"),
        (
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": "a", "dimensions": 1537},
            "dimensions",
        ),
        (
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": "a", "encoding_format": "hex"},
            "encoding_format",
        ),
        ("/v1/responses", {"model": "gpt-4o", "input": []}, "input"),
        ("/v1/responses", {"model": "gpt-4o", "input": 5}, "input"),
        (
            "/v1/responses",
            {"model": "gpt-4o", "input": "a", "max_output_tokens": 15},
            "max_output_tokens",
        ),
        ("/v1/responses", {"model": "gpt-4o", "input": "a", "reasoning": "x"}, "reasoning"),
        ("/v1/responses", {"model": "gpt-4o", "input": "a", "messages": []}, "messages"),
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a", "n": 11}, "n"),
        ("/v1/moderations", {"input": ""}, "input"),
        ("/v1/completions", {"model": "davinci-002", "prompt": "a", "logprobs": 6}, "logprobs"),
        ("/v1/videos", {"model": "sora-2", "prompt": "a", "seconds": "5"}, "seconds"),
    ],
)
def test_a_row_of_another_endpoint_fails_for_a_real_reason(
    rig: Rig, url: str, body: dict[str, Any], param: str
) -> None:
    assert rig.refusal(request(url, **body))["param"] == param


def test_a_row_that_nobody_thought_of_fails_alone(rig: Rig) -> None:
    odd = chat("odd", response_format=structured({"type": "object", "properties": [1]}))
    answers = rig.answers([odd, chat("even")])
    assert answers["odd"]["status_code"] == 500
    assert answers["odd"]["body"]["error"]["type"] == "server_error"
    assert answers["even"]["status_code"] == 200


@pytest.mark.parametrize(
    "custom_id", ["", " spaced out ", "ü日本🙂", "x" * 500, 'q"uote\\', "a\nb"]
)
def test_any_string_will_do_for_an_id(rig: Rig, custom_id: str) -> None:
    assert set(rig.answers([chat(custom_id)])) == {custom_id}


def test_a_last_line_needs_no_newline(rig: Rig) -> None:
    content = b"".join(json.dumps(line).encode() + b"\n" for line in chats(3)).rstrip(b"\n")
    batch = rig.finish(content, CHAT)
    assert len(rig.rows(batch.output_file_id)) == 3
