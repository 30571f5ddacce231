"""Embeddings: one input a row, there and back."""

from __future__ import annotations

import base64
import json
import pickle
import struct
from typing import Any

import pytest

from batchyard.errors import InvalidLinesError
from batchyard.lines import decode_result, outcome_of
from batchyard.models import Usage
from batchyard_vertex.translation import usage_reader
from tests.vertex.translation.lines import Line, back, ids_of, line, loaded, sent

MODEL = "gemini-embedding-001"


def embed(custom_id: str = "one", model: str = MODEL, **body: Any) -> Line:
    return line(custom_id, "/v1/embeddings", **{"model": model, "input": "Hello", **body})


def vector(row: Line, *values: float, tokens: int | None = 2) -> Line:
    usage = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens}}
    return {**row, "status": "", "response": {"embedding": {"values": list(values)}, **usage}}


def test_a_text_is_a_row() -> None:
    written, made = sent(embed(dimensions=768, task_type="RETRIEVAL_DOCUMENT", title="T"))
    assert written == [
        {
            "custom_id": "by-1",
            "key": "by-1",
            "request": {
                "content": {"parts": [{"text": "Hello"}]},
                "output_dimensionality": 768,
                "task_type": "RETRIEVAL_DOCUMENT",
                "title": "T",
            },
        }
    ]
    assert loaded(made) == written


def test_the_settings_can_be_in_an_object_of_their_own() -> None:
    written, _ = sent(embed(dimensions=768), embedding_config="nested")
    assert written[0]["request"]["embed_content_config"] == {"output_dimensionality": 768}


def test_many_inputs_are_many_rows_and_one_line_again() -> None:
    written, made = sent(embed("list", input=["a", "b", "c"]), embed("text"))
    assert [one["key"] for one in written] == ["by-1-0", "by-1-1", "by-1-2", "by-2"]
    assert (made.lines, made.rows) == (2, 4)
    values = {"by-1-0": 0.0, "by-1-1": 1.5, "by-1-2": 2.0, "by-2": 9.0}
    echoes = [vector(row, values[row["key"]], 0.25) for row in reversed(written)]
    first, second = back(ids_of(made), "output", echoes)
    assert (first["custom_id"], second["custom_id"]) == ("text", "list")
    assert second["response"]["body"] == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.0, 0.25]},
            {"object": "embedding", "index": 1, "embedding": [1.5, 0.25]},
            {"object": "embedding", "index": 2, "embedding": [2.0, 0.25]},
        ],
        "model": MODEL,
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
    }


def test_vectors_in_base64_are_32_bits_each_little_endian() -> None:
    written, made = sent(embed(encoding_format="base64"))
    (one,) = back(ids_of(made), "output", [vector(written[0], 1.0, -0.5)])
    data = base64.b64decode(one["response"]["body"]["data"][0]["embedding"])
    assert struct.unpack("<2f", data) == (1.0, -0.5)


@pytest.mark.parametrize(
    ("response", "tokens"),
    [
        ({"embedding": {"values": [1.0]}, "tokenCount": "7"}, 7),
        ({"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 7}}, 7),
        ({"embedding": {"values": [1.0]}}, None),
    ],
)
def test_tokens_are_counted_wherever_they_are_told(response: Any, tokens: int | None) -> None:
    written, made = sent(embed())
    (one,) = back(ids_of(made), "output", [{**written[0], "status": "", "response": response}])
    usage = one["response"]["body"]["usage"]
    assert (usage and usage["prompt_tokens"]) == tokens


def test_one_input_that_fails_fails_its_line() -> None:
    written, made = sent(embed(input=["a", "b"]), embed("two"))
    failed = {**written[1], "status": "Too Many Requests: slow down", "response": {}}
    echoes = [vector(written[0], 1.0), failed, vector(written[2], 1.0)]
    (good,) = back(ids_of(made), "output", echoes)
    (bad,) = back(ids_of(made), "error", echoes)
    assert (good["custom_id"], bad["custom_id"]) == ("two", "one")
    assert bad["response"]["status_code"] == 429


def test_a_line_of_which_a_vector_never_came_is_an_error_and_not_half_an_answer() -> None:
    written, made = sent(embed(input=["a", "b"]))
    echoes = [vector(written[0], 1.0)]
    assert back(ids_of(made), "output", echoes) == []
    (bad,) = back(ids_of(made), "error", echoes)
    assert "1 of 2" in bad["response"]["body"]["error"]["message"]


def usage_of(one: Line) -> Usage:
    """As another process reads it: the settlement's is one."""
    read = pickle.loads(pickle.dumps(usage_reader("/v1/embeddings")))  # noqa: S301 - our own
    found: Usage = read(decode_result(json.dumps(one).encode()))
    return found


def test_what_the_good_inputs_of_a_failed_line_cost_is_counted() -> None:
    """They were embedded, and are on the bill."""
    written, made = sent(embed(input=["a", "b", "c"]))
    failed = {**written[1], "status": "Too Many Requests: slow down", "response": {}}
    (bad,) = back(
        ids_of(made), "error", [vector(written[0], 1.0), failed, vector(written[2], 1.0, tokens=3)]
    )
    assert bad["response"]["body"]["error"]["message"].endswith("slow down")
    assert bad["response"]["body"]["usage"] == {"prompt_tokens": 5, "total_tokens": 5}
    assert usage_of(bad) == Usage(5, model=MODEL)


def test_what_came_of_a_line_before_its_job_was_cut_short_is_counted() -> None:
    written, made = sent(embed(input=["a", "b"]), embed("two", input=["c", "d"]))
    for status in ("cancelled", "expired"):
        lines = back(ids_of(made), "error", [vector(written[0], 1.0)], status)
        told = [decode_result(json.dumps(one).encode()) for one in lines]
        assert [outcome_of(one) for one in told] == [status, status]
        assert [usage_of(one).input_tokens for one in lines] == [2, 0]


def test_an_error_that_speaks_of_usage_used_nothing() -> None:
    written, made = sent(embed())
    row = {**written[0], "status": 'Bad Request: "usage" of this model is over', "response": {}}
    (bad,) = back(ids_of(made), "error", [row])
    assert usage_of(bad) == Usage()


def test_a_row_that_comes_twice_counts_once() -> None:
    written, made = sent(embed(input=["a", "b"]))
    echoes = [vector(written[0], 1.0), vector(written[0], 1.0), vector(written[1], 2.0)]
    (good,) = back(ids_of(made), "output", echoes)
    assert good["response"]["body"]["usage"]["prompt_tokens"] == 4


def test_a_row_that_comes_again_when_its_line_is_complete_makes_no_error_of_it() -> None:
    written, made = sent(embed(input=["a", "b"]), embed("single"))
    echoes = [vector(one, 1.0) for one in written]
    echoes += [vector(one, 3.0) for one in written]
    good = back(ids_of(made), "output", [*echoes, echoes[0]])
    assert [one["custom_id"] for one in good] == ["one", "single"]
    assert back(ids_of(made), "error", [*echoes, echoes[0]]) == []


@pytest.mark.parametrize("name", ["by-1-2", "by-1-999999", "by-2-0"])
def test_a_row_of_an_input_that_its_line_does_not_have_belongs_to_no_line(name: str) -> None:
    written, made = sent(embed(input=["a", "b"]), embed("bad", dimensions=-1))
    odd = vector({**written[1], "key": name, "custom_id": name}, 7.0)
    lines = back(ids_of(made), "error", [vector(written[0], 1.0), odd, vector(written[1], 2.0)])
    assert [one["custom_id"] for one in lines] == ["bad", None]
    assert lines[1]["error"]["code"] == "malformed_row"
    (good,) = back(ids_of(made), "output", [vector(written[0], 1.0), odd, vector(written[1], 2.0)])
    assert [one["embedding"] for one in good["response"]["body"]["data"]] == [[1.0], [2.0]]


@pytest.mark.parametrize("values", [[], ["x"], None, [True]])
def test_what_is_no_vector_is_an_error(values: Any) -> None:
    written, made = sent(embed())
    row = {**written[0], "status": "", "response": {"embedding": {"values": values}}}
    (bad,) = back(ids_of(made), "error", [row])
    assert bad["response"]["status_code"] == 502


def test_models_before_geminis_are_known_by_their_texts() -> None:
    names = {"small": "text-embedding-005"}
    written, made = sent(
        embed("list", "small", input=["a", "b"]), embed("text", "small"), models=names
    )
    assert written == [{"content": "a"}, {"content": "b"}, {"content": "Hello"}]
    echoes = [
        {
            "instance": one,
            "predictions": [
                {
                    "embeddings": {
                        "statistics": {"token_count": 8, "truncated": False},
                        "values": [float(place)],
                    }
                }
            ],
            "status": "",
        }
        for place, one in enumerate(written)
    ]
    text, several = back(ids_of(made), "output", echoes[::-1])
    assert (text["custom_id"], several["custom_id"]) == ("text", "list")
    assert [one["embedding"] for one in several["response"]["body"]["data"]] == [[0.0], [1.0]]
    assert several["response"]["body"]["usage"]["prompt_tokens"] == 16


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": [1, 2, 3]}, "body.input"),
        ({"input": [[1, 2], [3]]}, "body.input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"unheard_of": 1}, "body.unheard_of"),
    ],
)
def test_what_cannot_be_asked_for_is_told_with_its_field(body: Any, param: str) -> None:
    with pytest.raises(InvalidLinesError) as caught:
        sent(embed(**body))
    assert caught.value.problems[0].param == param


def test_a_model_that_takes_no_notice_of_a_task_is_not_told_it() -> None:
    with pytest.raises(InvalidLinesError, match="task_type"):
        sent(embed(model="gemini-embedding-2", task_type="CLUSTERING"))
    written, made = sent(
        embed(model="gemini-embedding-2", task_type="CLUSTERING", dimensions=5), lossy="drop"
    )
    assert "task_type" not in written[0]["request"]
    assert [one.field for one in made.losses.fields()] == ["task_type"]
