"""What breaks a naive translation without a sound: wrong rows, wrong money, a failed job."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest

from batchyard.errors import InvalidLinesError
from batchyard.lines import decode_result, outcome_of
from batchyard.models import Usage
from batchyard_vertex.translation import usage_reader
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

ODD_IDS = (
    "000000",
    "1e5",
    "true",
    "null",
    "2026-11-23",
    "UPPER lower",
    "a" * 300,
    "ünïcödé ☃ 🙂",
    'quo"te\\back\nslash\t',
    "by-2",
    " ",
    "a.b-c/d#e%20",
)


def usage_of(one: Line, endpoint: str = "/v1/chat/completions") -> Usage:
    return usage_reader(endpoint)(decode_result(json.dumps(one).encode()))


def outcome(one: Line) -> str:
    return outcome_of(decode_result(json.dumps(one).encode()))


def test_there_is_no_custom_id_and_ids_of_any_shape_come_back_byte_for_byte() -> None:
    """Smuggled in labels they would be lower-cased, cut at 63 characters, or refused."""
    written, made = sent(*(chat(one) for one in ODD_IDS))
    allowed = set(string.ascii_lowercase + string.digits + "_-")
    for row in written:
        for name, value in row["request"]["labels"].items():
            assert set(name + value) <= allowed
            assert len(value) <= 63
    echoes = [answered(row) for row in written]
    assert [one["custom_id"] for one in back(ids_of(made), "output", echoes)] == list(ODD_IDS)


def test_what_the_importer_takes_for_a_number_is_not_used_as_an_id() -> None:
    """``000000`` came back as 0."""
    written, _ = sent(chat("000000"))
    for text in (written[0]["custom_id"], written[0]["request"]["labels"]["batchyard_id"]):
        with pytest.raises(ValueError, match="could not convert"):
            float(text)


def test_the_order_of_rows_means_nothing() -> None:
    written, made = sent(*(chat(f"r-{number}") for number in range(50)))
    echoes = [answered(row, row["custom_id"]) for row in written]
    shuffled = echoes[1::2] + echoes[::-2]
    for one in back(ids_of(made), "output", shuffled):
        text = one["response"]["body"]["choices"][0]["message"]["content"]
        assert text == f"by-{int(one['custom_id'].removeprefix('r-')) + 1}"


@pytest.mark.parametrize("echo", ["labels", "sibling", "request"])
def test_one_of_three_ways_to_know_a_row_is_enough(echo: str) -> None:
    """The sibling is echoed or not, by whom one asks; labels are, mostly."""
    written, made = sent(*(chat(f"r-{number}", seed=number) for number in range(5)))
    echoes = [answered(json.loads(json.dumps(row))) for row in reversed(written)]
    for row in echoes:
        if echo != "sibling":
            del row["custom_id"]
        if echo != "labels":
            del row["request"]["labels"]
    found = [one["custom_id"] for one in back(ids_of(made), "output", echoes)]
    assert found == [f"r-{number}" for number in (4, 3, 2, 1, 0)]


def test_every_row_failed_and_the_job_succeeded() -> None:
    written, made = sent(chat("a"), chat("b"))
    status = 'Bad Request: {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}'
    echoes = [{**row, "status": status, "response": {}} for row in written]
    assert back(ids_of(made), "output", echoes) == []
    assert [outcome(one) for one in back(ids_of(made), "error", echoes)] == ["error", "error"]


def test_a_blocked_first_row_does_not_leave_the_file_untranslated() -> None:
    """It has neither candidates nor a status: a look at the first line alone is misled."""
    written, made = sent(chat("a"), chat("b"))
    feedback = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    echoes = [{**written[0], "status": "", "response": feedback}, answered(written[1])]
    blocked, good = back(ids_of(made), "output", echoes)
    assert back(ids_of(made), "error", echoes) == []
    assert good["response"]["body"]["object"] == "chat.completion"
    assert (blocked["custom_id"], outcome(blocked)) == ("a", "blocked")


def test_a_blocked_prompt_is_an_answer_that_was_paid_for_and_never_an_empty_success() -> None:
    """It is a row that succeeded; what it cost is in no other place."""
    written, made = sent(chat("a"))
    answer = {
        "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Too hot."},
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
    }
    (one,) = back(ids_of(made), "output", [{**written[0], "status": "", "response": answer}])
    (choice,) = one["response"]["body"]["choices"]
    assert (one["response"]["status_code"], choice["finish_reason"]) == (200, "content_filter")
    assert choice["message"]["content"] is None
    assert choice["native_finish_reason"] == "SAFETY"
    assert one["error"] == {
        "code": "content_filter",
        "message": "The prompt was blocked (SAFETY). Too hot.",
    }
    assert outcome(one) == "blocked"
    assert usage_of(one).input_tokens == 9


def test_service_agents_that_are_being_provisioned_fail_a_row_and_not_the_reader() -> None:
    written, made = sent(chat("a"))
    echo = {**written[0], "status": "Service agents are being provisioned.", "response": {}}
    (bad,) = back(ids_of(made), "error", [echo])
    assert bad["response"]["status_code"] == 500
    assert "provisioned" in bad["response"]["body"]["error"]["message"]


def test_the_input_is_lines_and_no_array() -> None:
    _, made = sent(chat("a"), chat("b"))
    text = b"".join(made.source.chunks())
    assert text.endswith(b"}\n")
    assert [json.loads(one)["custom_id"] for one in text.splitlines()] == ["by-1", "by-2"]


def test_explicit_caching_is_refused_since_batches_have_none() -> None:
    with pytest.raises(InvalidLinesError, match="explicit caching"):
        sent(chat("a", cached_content="cachedContents/1"))


def test_retrieval_is_refused_since_batches_have_none() -> None:
    corpora = {"retrieval": {"vertexRagStore": {"ragResources": [{"ragCorpus": "c"}]}}}
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    native = {"model": "gemini-2.5-flash", "contents": contents, "tools": [corpora]}
    with pytest.raises(InvalidLinesError, match="retrieval") as caught:
        sent(line("a", "/v1/generateContent", **native))
    assert caught.value.problems[0].param == "body.tools[0].retrieval"


@pytest.mark.parametrize(
    "body",
    [
        {"web_search_options": {}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
                }
            ]
        },
        {
            "messages": [
                {"role": "user", "content": ""},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": {}, "b": null}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": ""},
            ]
        },
    ],
)
def test_an_empty_object_would_fail_the_job_and_is_never_written(body: dict[str, Any]) -> None:
    _, made = sent(chat("a", **body))
    assert len(loaded(made)) == 1


def test_a_result_that_is_json_once_and_a_text_once_has_one_type() -> None:
    def told(custom_id: str, content: str) -> Line:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return chat(
            custom_id,
            messages=[
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": content},
            ],
        )

    _, made = sent(told("a", '{"x": 1}'), told("b", "plain"), told("c", '{"x": "1"}'))
    assert len(loaded(made)) == 3


def used(**counts: Any) -> Any:
    written, made = sent(chat("a"))
    (one,) = back(ids_of(made), "output", [answered(written[0], usageMetadata=counts)])
    return usage_of(one)


def test_thoughts_are_billed_as_output_once() -> None:
    apart = used(
        promptTokenCount=4, candidatesTokenCount=2, thoughtsTokenCount=31, totalTokenCount=37
    )
    within = used(
        promptTokenCount=4, candidatesTokenCount=33, thoughtsTokenCount=31, totalTokenCount=37
    )
    assert (apart.output_tokens, within.output_tokens) == (33, 33)
    assert (apart.reasoning_tokens, within.reasoning_tokens) == (31, 31)


def test_an_answer_without_usage_is_unknown_and_not_free() -> None:
    assert not used().known


def test_thinking_that_takes_all_tokens_leaves_an_answer_without_parts() -> None:
    written, made = sent(chat("a"))
    answer = {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}
    (one,) = back(ids_of(made), "output", [{**written[0], "status": "", "response": answer}])
    choice = one["response"]["body"]["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")


def test_an_embedding_model_takes_one_input_a_row() -> None:
    body = {"model": "gemini-embedding-001", "input": ["a", "b"]}
    one = {"custom_id": "x", "method": "POST", "url": "/v1/embeddings", "body": body}
    written, made = sent(one)
    assert [row["request"]["content"]["parts"] for row in written] == [
        [{"text": "a"}],
        [{"text": "b"}],
    ]
    assert (made.lines, made.rows) == (1, 2)
