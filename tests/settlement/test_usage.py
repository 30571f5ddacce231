"""What is summed, under what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from batchyard.ledger.settlement import UsageKey, UsageSum, bucket_of
from batchyard.lines import ResultLine
from batchyard.models import Usage
from batchyard.steps import UsageShape
from batchyard.steps.openai_wire import usage_reader
from tests.settlement.files import CREATED, MODEL, Desk, answer, line_of, not_run, request, row

DAY = CREATED // 86_400
KEY = UsageKey(MODEL, "job-1", 0, DAY)


def sums(desk: Desk, rows: list[bytes], **job: Any) -> dict[UsageKey, UsageSum]:
    requests = [request(json.loads(one)["custom_id"]) for one in rows]
    return dict(desk.settle(requests, desk.job(rows, **job)).settled.usages)


def test_tokens_are_summed_by_dimension(desk: Desk) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 7, "audio_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 6},
    }
    found = sums(desk, [answer("a", usage=usage), answer("b", usage=usage), answer("c", 1, 2)])
    assert found == {
        KEY: UsageSum(3, 0, Usage(201, 102, 80, 14, 40, 6, 12, model=MODEL)),
    }


@pytest.mark.parametrize(
    ("tokens", "bucket"),
    [(0, 0), (32_000, 0), (32_001, 32), (33_000, 32), (272_000, 271), (272_001, 272)],
)
def test_long_requests_are_kept_apart_by_the_thousand(desk: Desk, tokens: int, bucket: int) -> None:
    """So that a threshold can be applied to each request, and never to a sum."""
    assert bucket_of(tokens) == bucket
    found = sums(desk, [answer("a", tokens), answer("b", tokens), answer("c", 5)])
    assert found[replace(KEY, bucket=bucket)].lines == (2 if bucket else 3)


def test_many_short_requests_are_no_long_one(desk: Desk) -> None:
    found = sums(desk, [answer(f"r-{number}", 20_000) for number in range(100)])
    assert found == {KEY: UsageSum(100, 0, Usage(2_000_000, 500, model=MODEL))}


def test_models_are_kept_apart(desk: Desk) -> None:
    found = sums(desk, [answer("a"), answer("b", model="m-2"), answer("c")])
    assert {key.model: one.lines for key, one in found.items()} == {MODEL: 2, "m-2": 1}


def test_days_are_kept_apart_since_prices_change(desk: Desk) -> None:
    found = sums(desk, [answer("a"), answer("b", created=CREATED + 86_400), answer("c")])
    assert {key.day: one.lines for key, one in found.items()} == {DAY: 2, DAY + 1: 1}


def test_a_response_that_names_no_model_has_that_of_its_job(desk: Desk) -> None:
    body = {"usage": {"prompt_tokens": 3}}
    assert set(sums(desk, [row("a", body)])) == {UsageKey("m", "job-1", 0, 0)}
    assert set(sums(desk, [row("a", body)], models=("m", "n"))) == {UsageKey(None, "job-1", 0, 0)}


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5}, {"total_tokens": 3}, "x"])
def test_an_answer_that_does_not_say_what_it_used_is_unknown_and_not_nothing(
    desk: Desk, usage: Any
) -> None:
    found = sums(desk, [answer("a"), answer("b", usage=usage)])[KEY]
    assert (found.lines, found.unknown_lines, found.usage.input_tokens) == (2, 1, 10)
    assert not found.usage.known


def test_counts_that_contradict_each_other_are_unknown(desk: Desk) -> None:
    odd = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}
    found = sums(desk, [answer("a"), answer("b", usage=odd), answer("c")])[KEY]
    assert found == UsageSum(3, 1, Usage(20, 10, model=MODEL, known=False))


def test_rows_that_were_not_answered_used_nothing(desk: Desk) -> None:
    rows = [row("a", {"usage": {"prompt_tokens": 5}}, 500), not_run("b"), line_of("c", None, None)]
    assert sums(desk, rows) == {}


def test_every_answer_is_paid_for_whoever_it_goes_to(desk: Desk) -> None:
    """Second results and strangers too: the provider bills them."""
    found = desk.settle([request("a")], desk.job([answer("a"), answer("a"), answer("x")]))
    assert found.settled.usages == {KEY: UsageSum(3, 0, Usage(30, 15, model=MODEL))}


def without_shapes(read: Callable[[ResultLine], Usage]) -> Callable[[ResultLine], Usage]:
    """The same reader, which is given the lines one by one."""

    def singly(line: ResultLine) -> Usage:
        return read(line)

    return singly


@pytest.mark.parametrize("rows", [1, 15, 511, 512, 513, 2000])
def test_taking_lines_together_changes_no_sum(desk: Desk, rows: int) -> None:
    lines = [answer(f"r-{number}", number, number % 7) for number in range(rows)]
    for number in range(0, rows, 300):
        lines[number] = row(f"r-{number}", {"model": MODEL, "usage": {"input_tokens": number}})
    together = sums(desk, lines)
    desk.read = without_shapes(desk.read)
    assert sums(desk, lines) == together
    assert sum(one.lines for one in together.values()) == rows
    assert sum(one.usage.input_tokens for one in together.values()) == sum(range(rows))


RESPONSE = {
    "model": MODEL,
    "created_at": CREATED,
    "usage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 3},
    },
}
ODD: list[dict[str, Any]] = [
    RESPONSE,
    RESPONSE | {"created_at": CREATED + 0.5},
    RESPONSE | {"created": CREATED - 86_400},
    RESPONSE | {"usage": {"prompt_tokens": 0, "input_tokens": 9, "output_tokens": 1}},
    RESPONSE | {"usage": {"prompt_tokens": 9, "input_tokens": 0}},
    RESPONSE | {"usage": {"input_tokens": 9, "input_tokens_details": None}},
    RESPONSE | {"usage": {"input_tokens": 9, "input_token_details": {"audio_tokens": 4}}},
    RESPONSE | {"usage": {"prompt_tokens": 9, "input_tokens_details": {"cached_tokens": 4}}},
    RESPONSE | {"usage": {"prompt_tokens": 9.0}},
    RESPONSE | {"usage": {"prompt_tokens": None, "input_tokens": 4}},
    RESPONSE | {"model": None},
    {"data": [], "model": "e", "usage": {"prompt_tokens": 4, "total_tokens": 4}},
    {"usage": {"type": "duration", "seconds": 3}},
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_the_fast_way_and_the_careful_one_read_the_same(desk: Desk, body: dict[str, Any]) -> None:
    fast = sums(desk, [row("a", body)])
    desk.read = without_shapes(desk.read)
    assert sums(desk, [row("a", body)]) == fast


class _Cloud(msgspec.Struct):
    seen: int
    said: int
    kept: int = 0


class _CloudBody(msgspec.Struct):
    spent: _Cloud


@dataclass
class CloudReader:
    """A provider's own: other names, and cached tokens beside the others."""

    shapes: tuple[UsageShape, ...] = ()

    def __call__(self, line: ResultLine) -> Usage:
        spent = (line.body or {}).get("spent") or {}
        return Usage(spent["seen"], spent["said"], spent.get("kept", 0), model="cloud-1")


@pytest.mark.parametrize(
    "shapes",
    [
        (),
        (
            UsageShape(
                _CloudBody,
                {
                    "input_tokens": "spent.seen",
                    "output_tokens": "spent.said",
                    "cached_tokens": "spent.kept",
                },
            ),
        ),
    ],
    ids=["singly", "together"],
)
def test_a_foreign_usage_is_read_by_its_own_reader_alone(
    desk: Desk, shapes: tuple[UsageShape, ...]
) -> None:
    desk.read = CloudReader(shapes)
    body = {"spent": {"seen": 7, "said": 3, "kept": 2}, "usage": {"prompt_tokens": 999}}
    found = sums(desk, [row("a", body), row("b", body)], models=("cloud-1",))
    assert found == {
        UsageKey("cloud-1", "job-1", 0, 0): UsageSum(2, 0, Usage(14, 6, 4, model="cloud-1"))
    }


def test_a_reader_that_fails_costs_the_line_its_usage_and_nothing_else(desk: Desk) -> None:
    desk.read = CloudReader()
    rows = [row("a", {}), row("b", {"spent": {"seen": 7, "said": 3}})]
    found = desk.settle([request("a"), request("b")], desk.job(rows))
    assert found.outcomes == {"ok": 2}
    assert found.settled.usage.input_tokens == 7
    assert sum(one.unknown_lines for one in found.settled.usages.values()) == 1


def test_a_provider_that_bills_failed_lines_is_believed(desk: Desk) -> None:
    desk.read = CloudReader()
    rows = [row("a", {"spent": {"seen": 7, "said": 3}}, 400)]
    found = desk.settle([request("a")], desk.job(rows))
    assert found.outcomes == {"error": 1}
    assert found.settled.usage.input_tokens == 7


def test_an_answer_with_an_error_beside_it_is_paid_for_by_an_unknown_amount(desk: Desk) -> None:
    rows = [row("a", {"model": MODEL}, 200, {"code": "x"})]
    (found,) = sums(desk, rows).values()
    assert (found.lines, found.unknown_lines) == (1, 1)


def test_an_images_answer_is_made_of_image_tokens() -> None:
    read = usage_reader("/v1/images/generations")
    assert getattr(read, "shapes", None) == ()
