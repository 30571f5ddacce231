"""Tokens of a line, in the shapes of every endpoint and in those that should not be."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest

from batchyard.lines import ResultLine, ResultResponse, decode_result
from batchyard.models import Usage
from batchyard.steps.openai_wire import usage_reader

read = usage_reader("/v1/chat/completions")


def line(body: Any, status: int = 200) -> ResultLine:
    row = {
        "id": "batch_req_1",
        "custom_id": "one",
        "response": {"status_code": status, "request_id": "req_1", "body": body},
        "error": None,
    }
    decoded = decode_result(json.dumps(row).encode())
    assert isinstance(decoded, ResultLine)
    return decoded


CHAT = {
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "m-1",
    "choices": [{"message": {"content": "usage"}}],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2, "image_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 2},
    },
}
RESPONSES = {
    "object": "response",
    "created_at": 1_790_000_000,
    "model": "m-1",
    "usage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": 3},
    },
}
EMBEDDINGS = {"object": "list", "model": "m-1", "usage": {"prompt_tokens": 10, "total_tokens": 10}}
COMPLETIONS = {
    "object": "text_completion",
    "model": "m-1",
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
IMAGES = {
    "created": 1,
    "usage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    },
}


TRANSCRIPTION = {
    "text": "Hello.",
    "usage": {
        "type": "tokens",
        "input_tokens": 10,
        "input_token_details": {"text_tokens": 2, "audio_tokens": 8},
        "output_tokens": 5,
        "total_tokens": 15,
    },
}


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (CHAT, Usage(10, 5, 4, 0, 3, 2, 2, 1, model="m-1", created=1_790_000_000)),
        (RESPONSES, Usage(10, 5, 4, 2, 3, model="m-1", created=1_790_000_000)),
        (EMBEDDINGS, Usage(10, 0, model="m-1")),
        (COMPLETIONS, Usage(10, 5, model="m-1")),
        (IMAGES, Usage(10, 5, created=1)),
        (TRANSCRIPTION, Usage(10, 5, input_audio_tokens=8)),
    ],
    ids=["chat", "responses", "embeddings", "completions", "images", "transcriptions"],
)
def test_every_endpoints_shape_is_read(body: Any, usage: Usage) -> None:
    assert read(line(body)) == usage


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}, {"new_tokens": 7}])
def test_details_may_be_missing(details: Any) -> None:
    tokens = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": details}
    assert read(line({"model": "m-1", "usage": tokens})) == Usage(10, 5, model="m-1")


def test_a_count_of_nothing_is_known() -> None:
    assert read(line({"usage": {"prompt_tokens": 0}})) == Usage()
    assert read(line({"usage": {"prompt_tokens": None, "completion_tokens": 5}})) == Usage(0, 5)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"total_tokens": 15},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 10, "completion_tokens": -5},
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": -4}},
        {"prompt_tokens": "10"},
        {"prompt_tokens": 10.5},
        {"prompt_tokens": True},
        {"prompt_tokens": [10]},
        {"prompt_tokens": 10**400},
        "none",
        [1],
    ],
)
def test_a_usage_that_makes_no_sense_is_unknown_and_not_nothing(usage: Any) -> None:
    got = read(line({"model": "m-1", "usage": usage}))
    assert not got.known
    assert got.total_tokens == 0


def test_what_makes_no_sense_is_still_somebodys() -> None:
    got = read(line({"model": "m-1", "created": 7, "usage": {"prompt_tokens": -1}}))
    assert got == Usage(model="m-1", created=7, known=False)


def test_more_cached_tokens_than_there_are_make_no_sense() -> None:
    usage = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    assert read(line({"model": "m-1", "usage": usage})) == Usage(model="m-1", known=False)


def test_audio_that_is_billed_by_the_second_has_no_tokens() -> None:
    assert not read(line({"text": "Hi", "usage": {"type": "duration", "seconds": 9}})).known


@pytest.mark.parametrize("created", ["yesterday", -1, 1e300, None])
def test_a_time_that_is_none_is_not_told(created: Any) -> None:
    assert read(line({"usage": {"prompt_tokens": 1}, "created": created})).created is None


def test_a_picture_is_made_of_image_tokens_where_only_pictures_are_made() -> None:
    pictures = usage_reader("/v1/images/edits")
    assert pictures(line(IMAGES)) == Usage(10, 5, output_image_tokens=5, created=1)
    told = {"input_tokens": 3, "output_tokens": 5, "output_tokens_details": {"image_tokens": 4}}
    assert pictures(line({"usage": told})) == Usage(3, 5, output_image_tokens=4)


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/images/generations"])
def test_a_reader_can_be_given_to_another_process(endpoint: str) -> None:
    sent = pickle.loads(pickle.dumps(usage_reader(endpoint)))  # noqa: S301 - our own
    assert sent(line(IMAGES)) == usage_reader(endpoint)(line(IMAGES))


@pytest.mark.parametrize("body", [None, [], "text", {}, {"object": "moderation"}])
def test_an_answer_without_usage_is_unknown(body: Any) -> None:
    assert not read(line(body)).known


def test_an_answer_that_is_nested_too_deeply_is_unknown() -> None:
    deep = msgspec.Raw(b'{"usage": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    response = ResultResponse(status_code=200, body_json=deep)
    assert not read(ResultLine(custom_id="one", response=response)).known


@pytest.mark.parametrize("status", [0, 302, 400, 429, 500])
def test_a_line_that_was_not_answered_used_nothing(status: int) -> None:
    assert read(line(CHAT, status)) == Usage()
    nothing = decode_result(b'{"custom_id": "one", "response": null, "error": {"code": "x"}}')
    assert isinstance(nothing, ResultLine)
    assert read(nothing) == Usage()
