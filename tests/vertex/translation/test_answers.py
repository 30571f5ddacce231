"""Golden pairs: Gemini's answers, and bodies of OpenAI's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from batchyard.lines import decode_result
from batchyard.models import Rates, Usage
from batchyard.prices._costs import cost_of
from batchyard_vertex.translation import usage_reader
from batchyard_vertex.translation._answers import About, chat_completion
from batchyard_vertex.translation._response_objects import response_object
from tests.vertex.translation.lines import file_of

ABOUT = About("7-1", "2026-11-01T18:13:16.826+00:00", "gemini-2.5-flash")


def answer(*parts: dict[str, Any], reason: str = "STOP", **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason, **more}]}


def choice(*parts: dict[str, Any], reason: str = "STOP", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = chat_completion(answer(*parts, reason=reason, **more), ABOUT)[
        "choices"
    ][0]
    return found


def test_an_answer_becomes_a_chat_completion() -> None:
    made = chat_completion(
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "hm", "thought": True},
                            {"text": "He"},
                            {"text": "llo"},
                            {
                                "functionCall": {"name": "f", "args": {"a": 1}},
                                "thoughtSignature": "c2ln",
                            },
                        ]
                    },
                    "finishReason": "STOP",
                },
                {"index": 1, "finishReason": "MAX_TOKENS"},
                {"index": 2, "content": {}, "finishReason": "SAFETY"},
            ],
            "responseId": "mXk",
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
        },
        ABOUT,
    )
    call = {
        "id": "call_7-1_0_3",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":1}'},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }
    empty = {"role": "assistant", "content": "", "refusal": None}
    assert made == {
        "id": "mXk",
        "object": "chat.completion",
        "created": 1793556795,
        "model": "gemini-2.5-flash",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "tool_calls": [call],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            },
            {"index": 1, "message": empty, "logprobs": None, "finish_reason": "length"},
            {
                "index": 2,
                "message": empty,
                "logprobs": None,
                "finish_reason": "content_filter",
                "native_finish_reason": "SAFETY",
            },
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 33,
            "total_tokens": 38,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 31, "audio_tokens": 0},
        },
    }


def test_what_an_answer_does_not_say_is_known_from_its_row() -> None:
    made = chat_completion(answer({"text": "x"}), ABOUT)
    assert (made["id"], made["created"], made["model"], made["usage"]) == (
        "chatcmpl-7-1",
        1793556796,
        "gemini-2.5-flash",
        None,
    )


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("STOP", "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("RECITATION", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("NO_IMAGE", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("A_REASON_OF_NEXT_YEAR", "stop"),
    ],
)
def test_a_reason_to_finish_is_one_of_openais(reason: str, wanted: str) -> None:
    assert choice({"text": "x"}, reason=reason)["finish_reason"] == wanted


def test_what_went_wrong_with_a_call_can_be_seen() -> None:
    made = choice(reason="MALFORMED_FUNCTION_CALL", finishMessage="no such tool")
    assert (made["native_finish_reason"], made["finish_message"]) == (
        "MALFORMED_FUNCTION_CALL",
        "no such tool",
    )


def test_pictures_and_sounds_are_beside_the_text() -> None:
    message = choice(
        {"text": "Look:"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"inlineData": {"mimeType": "audio/L16", "data": "aGk="}},
    )["message"]
    assert message["content"] == "Look:"
    assert message["images"][0]["image_url"]["url"] == "data:image/png;base64,aGk="
    assert message["audio"]["data"] == "aGk="


def test_sources_are_cited_in_characters() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"other": {}}],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 5}, "groundingChunkIndices": [0, 1, 9]}
        ],
    }
    citations = {"citations": [{"startIndex": 2, "endIndex": 5, "uri": "https://b.example"}]}
    message = choice({"text": "äöü is"}, groundingMetadata=grounding, citationMetadata=citations)[
        "message"
    ]
    assert [one["url_citation"] for one in message["annotations"]] == [
        {"start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"},
        {
            "start_index": 1,
            "end_index": 2,
            "url": "https://b.example",
            "title": "https://b.example",
        },
    ]


def test_probabilities_of_tokens() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}]}],
    }
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    assert choice({"text": "é"}, logprobsResult=result)["logprobs"] == {
        "content": [{**token, "top_logprobs": [token]}],
        "refusal": None,
    }


def usage(**counts: Any) -> Any:
    return chat_completion({**answer({"text": "x"}), "usageMetadata": counts}, ABOUT)["usage"]


def test_thoughts_that_are_counted_already_are_not_counted_twice() -> None:
    counts = {"promptTokenCount": 4, "candidatesTokenCount": 9, "thoughtsTokenCount": 7}
    assert usage(**counts, totalTokenCount=13)["completion_tokens"] == 9
    assert usage(**counts, totalTokenCount=20)["completion_tokens"] == 16
    # without a total nothing says so
    assert usage(**counts)["total_tokens"] == 20


def test_tokens_by_modality_and_counts_written_as_texts() -> None:
    made = usage(
        promptTokenCount="100",
        candidatesTokenCount=5.0,
        totalTokenCount=-1,
        promptTokensDetails=[
            {"modality": "TEXT", "tokenCount": 10},
            {"modality": "AUDIO", "tokenCount": 60},
            {"modality": "IMAGE", "tokenCount": 30},
        ],
        candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 5}],
    )
    assert made == {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 30, "audio_tokens": 60},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "image_tokens": 5,
            "audio_tokens": 0,
        },
    }


def test_an_answer_becomes_a_response() -> None:
    made = response_object(
        {
            **answer(
                {"text": "hm", "thought": True},
                {"text": "Hello"},
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c9"}},
            ),
            "usageMetadata": {
                "promptTokenCount": 4,
                "candidatesTokenCount": 2,
                "thoughtsTokenCount": 31,
                "totalTokenCount": 37,
            },
        },
        ABOUT,
    )
    assert [one["type"] for one in made["output"]] == ["reasoning", "message", "function_call"]
    assert made["output"][0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert made["output"][1]["content"][0]["text"] == "Hello"
    assert made["output"][2] == {
        "type": "function_call",
        "id": "fc_7-1_0",
        "call_id": "c9",
        "status": "completed",
        "name": "f",
        "arguments": '{"a":1}',
    }
    assert (made["object"], made["status"], made["id"]) == ("response", "completed", "resp_7-1")
    assert made["usage"] == {
        "input_tokens": 4,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 33,
        "output_tokens_details": {"reasoning_tokens": 31},
        "total_tokens": 37,
    }


@pytest.mark.parametrize(
    ("reason", "wanted"), [("MAX_TOKENS", "max_output_tokens"), ("SAFETY", "content_filter")]
)
def test_a_response_that_was_cut_is_incomplete(reason: str, wanted: str) -> None:
    made = response_object(answer(reason=reason), ABOUT)
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": wanted})
    assert made["output"][0]["content"][0]["text"] == ""


def native(body: dict[str, Any], status: int = 200) -> Usage:
    line = {"custom_id": "a", "response": {"status_code": status, "body": body}}
    read = usage_reader("/v1/generateContent")
    return read(decode_result(file_of(line)))


@pytest.mark.parametrize(
    ("details", "pictures", "cost"),
    [
        # 50 plain at 4, 950 cached at 1
        ([("IMAGE", 900), ("TEXT", 50)], 0, "1150"),
        # 50 pictures at 10, 950 cached at 1
        ([("IMAGE", 850), ("TEXT", 100)], 50, "1450"),
        # not told: there is room for 50 that were not cached
        (None, 50, "1450"),
    ],
)
def test_tokens_that_were_cached_are_not_counted_as_pictures_too(
    details: list[tuple[str, int]] | None, pictures: int, cost: str
) -> None:
    told = [{"modality": kind, "tokenCount": count} for kind, count in details or ()]
    counts = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 950,
        "promptTokensDetails": [
            {"modality": "IMAGE", "tokenCount": 900},
            {"modality": "TEXT", "tokenCount": 100},
        ],
        **({"cacheTokensDetails": told} if told else {}),
    }
    found = native({"usageMetadata": counts})
    assert (found.input_tokens, found.cached_tokens) == (1000, 950)
    assert found.input_image_tokens == pictures
    assert usage(**counts)["prompt_tokens_details"].get("image_tokens", 0) == pictures
    rates = Rates(
        input=Decimal(4), cached_input=Decimal(1), input_image=Decimal(10), output=Decimal(0)
    )
    assert cost_of(found, rates, "standard").amount == Decimal(cost) / 1_000_000


def test_tokens_of_sounds_leave_room_for_what_was_cached_and_for_pictures() -> None:
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 30,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 60},
            {"modality": "IMAGE", "tokenCount": 40},
        ],
    }
    found = native({"usageMetadata": counts})
    assert (found.input_audio_tokens, found.input_image_tokens) == (60, 10)
    cached = [{"modality": "AUDIO", "tokenCount": 90}]
    found = native({"usageMetadata": {**counts, "cacheTokensDetails": cached}})
    assert (found.input_audio_tokens, found.input_image_tokens) == (0, 40)


def test_tokens_of_geminis_own_answers() -> None:
    counts = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 3,
        "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}],
    }
    found = native({"modelVersion": "gemini-2.5-pro@default", "usageMetadata": counts})
    assert found == Usage(
        10,
        5,
        4,
        reasoning_tokens=3,
        input_audio_tokens=6,
        model="gemini-2.5-pro",
    )
    assert not native({"candidates": []}).known
    assert native({}, status=400) == Usage()
