"""What no honest service sends: it costs a price, and neither memory nor the settlement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from batchyard.ledger.settlement import UsageKey, UsageSum, _sums
from batchyard.lines import ResultLine
from batchyard.models import Usage
from batchyard.steps import MOST_TOKENS
from batchyard.steps.openai_wire import usage_reader
from tests.settlement.files import CREATED, MODEL, Desk, answer, request, row

DAY = CREATED // 86_400
KEY = UsageKey(MODEL, "job-1", 0, DAY)


def in_words(line: ResultLine) -> Usage:
    """A provider's own way."""
    spent = line.body["spent"]
    return Usage(spent, 1, model="cloud-1")


@dataclass(frozen=True)
class Boundless:
    """A provider's own way, which believes everything."""

    def __call__(self, line: ResultLine) -> Usage:
        return Usage(line.body["usage"]["prompt_tokens"], 0, model=MODEL, created=CREATED)


@pytest.mark.parametrize("reader", [usage_reader(""), Boundless()], ids=["shapes", "singly"])
def test_more_tokens_than_a_request_can_have_are_unknown(
    desk: Desk, reader: Callable[[ResultLine], Usage]
) -> None:
    desk.read = reader
    rows = [answer("a", MOST_TOKENS, 0), answer("b", MOST_TOKENS + 1, 0), answer("c", 2**53, 0)]
    found = desk.settle([request(one) for one in "abc"], desk.job(rows)).settled
    assert found.usage.input_tokens == MOST_TOKENS
    assert sum(one.lines for one in found.usages.values()) == 3
    assert sum(one.unknown_lines for one in found.usages.values()) == 2


def test_a_model_that_is_new_in_each_line_takes_no_memory_for_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sums, "KEYS", 10)
    rows = [answer(f"r-{number}", model=f"m-{number}") for number in range(50)]
    requests = [request(f"r-{number}") for number in range(50)]
    found = desk.settle(requests, desk.job([*rows, answer("r-0", model="m-3")])).settled.usages
    assert len(found) == 11
    assert found[replace(KEY, model="m-3")].lines == 2
    # what they used is told by nobody any more, and so it has no price
    rest = UsageSum(40, 40, Usage(model="m", known=False))
    assert found[UsageKey("m", "job-1", 0, 0)] == rest


def test_a_long_name_of_a_model_is_cut(desk: Desk) -> None:
    found = desk.settle([request("a")], desk.job([answer("a", model="m" * 100_000)])).settled
    (key,) = found.usages
    assert key.model == "m" * 256


def test_each_job_is_read_as_its_own_account_reads(desk: Desk) -> None:
    """Two jobs of one batch may be at two providers."""
    first = desk.job([answer("a", 10, 5)], carries="a")
    other = desk.job([row("b", {"spent": 7})], name="job-2", carries="b")
    jobs = (first, replace(other, usage_of=in_words))
    found = desk.settle([request("a"), request("b")], *jobs).settled.usages
    assert found == {
        KEY: UsageSum(1, 0, Usage(10, 5, model=MODEL)),
        UsageKey("cloud-1", "job-2", 0, 0): UsageSum(1, 0, Usage(7, 1, model="cloud-1")),
    }
