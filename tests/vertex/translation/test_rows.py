"""Whose a row is, and what became of the line."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard.lines import decode_result, outcome_of
from batchyard_vertex.translation import usage_reader
from batchyard_vertex.translation._plain_rows import PlainRows
from batchyard_vertex.translation._row_ids import Entry, Head, RowIds
from batchyard_vertex.translation._rows import Rows
from tests.vertex.translation.lines import JOB, answered, back, chat, ids_of, sent

ANSWER = {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}


def table(*names: str) -> RowIds:
    return RowIds(Head("gemini", "m").encoded() + b"".join(Entry(one).encoded() for one in names))


def rows(role: Any, *written: dict[str, Any]) -> list[Any]:
    return back(table("one", "two"), role, list(written), "running")


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"request": {"labels": {"batchyard_id": f"by-{number}"}}, "status": "", **more}


def outcomes(role: str, *written: dict[str, Any]) -> list[str]:
    lines = rows(role, *written)
    return [outcome_of(decode_result(json.dumps(line).encode())) for line in lines]


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
        ('{"error": {"message": "m", "status": "RESOURCE_EXHAUSTED"}}', 429, "RESOURCE_EXHAUSTED"),
        ("Service Unavailable: m", 503, None),
        ("code: DEADLINE_EXCEEDED", 504, None),
        ("Service agents are being provisioned", 500, None),
        ("Bad Request: {not json}", 400, None),
        ('Bad Request: {"error": []}', 400, None),
    ],
)
def test_a_rows_status_is_read_whatever_it_is(status: str, http: int, code: str | None) -> None:
    (line,) = rows("error", row(status=status, response={}))
    assert (line["custom_id"], line["response"]["status_code"]) == ("one", http)
    assert line["response"]["body"]["error"]["code"] == code
    assert rows("output", row(status=status, response={})) == []


def test_an_id_that_the_service_does_not_know_is_no_row_of_ours() -> None:
    (lost,) = rows("error", {"status": "", "request": {"labels": None}, "response": ANSWER})
    assert (lost["custom_id"], lost["error"]["code"]) == (None, "malformed_row")
    assert rows("output", {"status": "", "request": {}, "response": ANSWER}) == []


def test_a_row_nobody_asked_for_has_its_own_id() -> None:
    (line,) = rows("output", row(9, response=ANSWER))
    assert line["custom_id"] == "by-9"


def test_blocked_prompts_are_told_and_empty_answers_are_errors() -> None:
    blocked = row(1, response={"promptFeedback": {"blockReason": "SAFETY"}})
    empty = row(2, response={})
    without = row(1, response={"usageMetadata": {}})
    assert outcomes("output", blocked, empty, without) == ["blocked"]
    assert outcomes("error", blocked, empty, without) == ["error", "error"]


@pytest.mark.parametrize("dialect", ["gemini", "responses", "native"])
def test_what_an_answer_without_words_cost_is_counted(dialect: str) -> None:
    """Whether the prompt was blocked, or nothing was said for no reason."""
    counts = {"usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7}}
    blocked = row(1, response={"promptFeedback": {"blockReason": "SAFETY"}, **counts})
    table = RowIds(Head(dialect, "m").encoded() + Entry("one").encoded() + Entry("two").encoded())
    written = [blocked, row(2, response=counts)]
    read = usage_reader("/v1/generateContent" if dialect == "native" else "/v1/chat/completions")
    found = {}
    for role in ("output", "error"):
        for one in back(table, role, written):
            line = decode_result(json.dumps(one).encode())
            found[line.custom_id] = (outcome_of(line), read(line).input_tokens)
    assert found == {"one": ("blocked", 7), "two": ("error", 7)}


def test_a_response_to_a_blocked_prompt_is_incomplete_and_has_no_output() -> None:
    blocked = row(1, response={"promptFeedback": {"blockReason": "SAFETY"}})
    (one,) = back(
        RowIds(Head("responses", "m").encoded() + Entry("a").encoded()), "output", [blocked]
    )
    body = one["response"]["body"]
    assert (body["status"], body["output"]) == ("incomplete", [])
    assert body["incomplete_details"] == {"reason": "content_filter"}


def test_what_msgspec_does_not_read_is_read() -> None:
    reader = Rows(table("one"), "output", JOB)
    text = json.dumps(row(response={"candidates": [{"content": {"parts": [{"text": "\ud83d"}]}}]}))
    (line,) = reader.translated(text.encode()).splitlines()
    body = json.loads(line)["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "\ud83d"


@pytest.mark.parametrize("text", [b"{", b"[]", b'"x"', b"\xff", b"[" * 5000])
def test_a_row_that_cannot_be_read_costs_one_row(text: bytes) -> None:
    reader = Rows(table("one"), "error", JOB)
    assert b"malformed_row" in reader.translated(text + b"\n")


@pytest.mark.parametrize(
    "odd",
    [
        {"request": "text"},
        {"request": {"labels": []}, "custom_id": "by-1"},
        {"custom_id": "by-1", "processed_time": 5},
        {"key": "by-1"},
    ],
)
def test_the_keys_beside_the_request_are_enough(odd: dict[str, Any]) -> None:
    lines = rows("output", {"status": "", "response": ANSWER, "custom_id": "by-1", **odd})
    assert [line["custom_id"] for line in lines] == ["one"]


def stripped(echo: dict[str, Any]) -> dict[str, Any]:
    """A row with neither labels nor sibling, and the request as an importer writes it again."""
    request = json.loads(json.dumps(echo["request"]))
    del request["labels"]
    for content in request["contents"]:
        for part in content["parts"]:
            part["fileData"] = None
    config = request.get("generationConfig")
    if config is not None:
        if "temperature" in config:
            # through 32 bits
            config["temperature"] = 0.699999988079071
        config["stopSequences"] = []
        if "topK" in config:
            config["topK"] = 40
    return {"request": dict(reversed(request.items()))}


def test_a_request_is_known_by_itself_where_nothing_else_tells_whose_it_is() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"v": 1.0}'}}
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    written, made = sent(
        chat("plain"),
        chat("warm", temperature=0.7, top_k=40),
        chat("called", messages=talk),
        chat("instructed", messages=[{"role": "system", "content": "S"}, talk[0]]),
    )
    echoes = [answered(stripped(one)) for one in reversed(written)]
    lines = back(ids_of(made), "output", echoes)
    assert [line["custom_id"] for line in lines] == ["instructed", "called", "warm", "plain"]


def test_requests_that_are_the_same_are_told_apart_once_each() -> None:
    written, made = sent(chat("a"), chat("b"), chat("c", n=2))
    lines = back(ids_of(made), "output", [answered(stripped(one)) for one in written])
    assert sorted(line["custom_id"] for line in lines) == ["a", "b", "c"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_files_that_are_read_in_another_order_agree_on_requests_that_are_the_same(
    order: tuple[int, ...],
) -> None:
    written, made = sent(chat("a"), chat("b"), chat("c"))
    bare = [stripped(one) for one in written]
    blocked = {"status": "", "response": {"promptFeedback": {"blockReason": "SAFETY"}}}
    echoes = [
        {**bare[0], "status": "Too Many Requests: slow down", "response": {}},
        answered(bare[1]),
        {**bare[2], **blocked},
    ]
    shuffled = [echoes[place] for place in order]
    good = [one["custom_id"] for one in back(ids_of(made), "output", shuffled)]
    bad = [one["custom_id"] for one in back(ids_of(made), "error", shuffled)]
    # a prompt that was blocked is answered: it is among the good ones, which are the first
    assert (sorted(good), bad) == (["a", "b"], ["c"])


def test_a_row_too_many_of_requests_that_are_the_same_belongs_to_one_of_them() -> None:
    written, made = sent(chat("a"), chat("b"))
    rows = [answered(stripped(one)) for one in [*written, written[0]]]
    lines = back(ids_of(made), "output", rows)
    assert [line["custom_id"] for line in lines] == ["a", "b", "b"]


COUNTS = st.integers(0, 50)
DETAILS: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries(
        {"modality": st.sampled_from(["TEXT", "TEXT", "AUDIO"]), "tokenCount": COUNTS}
    ),
    max_size=2,
)
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "candidatesTokenCount": COUNTS,
    "thoughtsTokenCount": COUNTS,
    "totalTokenCount": COUNTS | st.just("7"),
    "cachedContentTokenCount": COUNTS,
    "toolUsePromptTokenCount": COUNTS,
    "promptTokensDetails": DETAILS,
    "candidatesTokensDetails": DETAILS,
}
CANDIDATES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "content": st.fixed_dictionaries(
            {
                "parts": st.lists(
                    st.fixed_dictionaries({"text": st.text(max_size=5)})
                    | st.just({"text": "hm", "thought": True}),
                    max_size=3,
                )
            }
        )
    },
    optional={
        "finishReason": st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY"]),
        "index": st.integers(0, 1),
    },
)
SAID: dict[str, st.SearchStrategy[Any]] = {
    "candidates": st.lists(CANDIDATES, min_size=1, max_size=2),
    "usageMetadata": st.fixed_dictionaries({"promptTokenCount": COUNTS}, optional=OPTIONAL),
}
ANSWERS = st.fixed_dictionaries(
    SAID,
    optional={
        "responseId": st.just("mXk"),
        "modelVersion": st.just("gemini-2.5-flash@default"),
        "createTime": st.sampled_from(["2026-11-01T18:13:15.1Z", "yesterday", None]),
    },
)


@settings(max_examples=150, deadline=None)
@given(ANSWERS)
def test_what_is_plainly_read_comes_to_the_same_as_what_is_not(answer: dict[str, Any]) -> None:
    """A file's plain rows go a shorter way."""
    data = json.dumps(row(response=answer, processed_time="2026-11-01T18:13:16Z")).encode()
    reader = Rows(table("one"), "output", JOB)
    assert reader._line(data) == reader._oddly(data)


def test_an_ordinary_row_goes_the_shorter_way() -> None:
    answer = {
        "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "trafficType": "ON_DEMAND"},
    }
    reader = PlainRows("7", "m")
    assert reader.read(json.dumps(row(response=answer)).encode()) is not None
    assert reader.read(json.dumps(row(response=answer, status="x")).encode()) is None


def test_a_job_cut_short_tells_of_the_lines_it_did_not_run() -> None:
    lines = back(table("one", "two"), "error", [row(2, response=ANSWER)], "expired")
    assert [(line["custom_id"], line["error"]["code"]) for line in lines] == [
        ("one", "batch_expired")
    ]
    assert back(table("one"), "error", [], "completed") == []


def test_lines_that_were_wrong_are_told_of_first() -> None:
    _, made = sent(chat("good"), chat("bad", temperature=3))
    (line,) = back(ids_of(made), "error", [])
    assert (line["custom_id"], line["response"]["status_code"]) == ("bad", 400)
    assert line["response"]["body"]["error"]["param"] == "temperature"
