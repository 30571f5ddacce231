"""Whatever the files are: the kernel against a few lines that hold all in memory."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchyard.lines import decode_result, outcome_of
from tests.settlement.files import Desk, answer, not_run, opened, request, row

IDS = st.sampled_from([*"abcdefgh", "x", "y"])
ROWS = st.one_of(
    st.builds(answer, IDS, st.integers(0, 40_000), st.integers(0, 3)),
    st.builds(lambda one: row(one, {"error": {"code": "x"}}, 500), IDS),
    st.builds(not_run, IDS),
    st.sampled_from([b"{", b"", b" ", b'{"custom_id": 1}']),
)
FILES = st.lists(
    st.builds(
        lambda lines, end, mark: mark + end.join([*lines, b""]),
        st.lists(ROWS, max_size=12),
        st.sampled_from([b"\n", b"\r\n"]),
        st.sampled_from([b"", b"\xef\xbb\xbf"]),
    ),
    max_size=2,
)
REQUESTS = st.lists(st.sampled_from("abcdefgh"), unique=True)


def readable(data: bytes) -> list[tuple[str, bytes]]:
    found = []
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        try:
            found.append((decode_result(line).custom_id, line.strip()))
        except ValueError:
            continue
    return found


def best(rows: list[bytes]) -> bytes | None:
    return next((one for one in rows if outcome_of(decode_result(one)) == "ok"), None) or next(
        iter(rows), None
    )


@settings(deadline=None, max_examples=200)
@given(REQUESTS, st.lists(FILES, min_size=1, max_size=3))
@example(["a"], [[answer("a") + b"\n"], [answer("a") + b"\n"]])
@example(["a"], [[b"\r\n" + answer("a") + b"\r\n"]])
def test_every_line_gets_the_best_of_its_rows_and_every_answer_is_summed(
    requests: list[str], jobs: list[list[bytes]]
) -> None:
    rows = [pair for files in jobs for data in files for pair in readable(data)]
    expected = [best([data for one, data in rows if one == custom_id]) for custom_id in requests]
    answers = [data for _, data in rows if outcome_of(decode_result(data)) == "ok"]
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        made = [desk.job(*files, name=f"job-{number}") for number, files in enumerate(jobs)]
        found = desk.settle(map(request, requests), *made)
    got = [None if one.made else one.data.strip() for one in found.rows]
    assert got == expected
    assert found.ids == requests
    assert found.outcomes == Counter(
        "missing" if one is None else outcome_of(decode_result(one)) for one in expected
    )
    proof = found.settled.proof
    assert proof.duplicates + proof.strangers == len(rows) - len(requests) + expected.count(None)
    assert sum(one.lines for one in found.settled.usages.values()) == len(answers)
    usages = [json.loads(one)["response"]["body"]["usage"] for one in answers]
    assert found.settled.usage.input_tokens == sum(one["prompt_tokens"] for one in usages)
    assert found.settled.usage.output_tokens == sum(one["completion_tokens"] for one in usages)


@settings(deadline=None, max_examples=50)
@given(REQUESTS, FILES)
def test_an_index_that_was_made_and_one_that_was_there_lead_to_the_same(
    requests: list[str], files: list[bytes]
) -> None:
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        job = desk.job(*files)
        there = desk.settle(map(request, requests), job, digests=True)
        made = desk.settle(map(request, requests), job, digests=True, indexed=False)
        whole = b""
        if there.settled.output.lines:
            with opened(there.task.output) as output:
                whole = b"".join(output.read())
    assert there.settled == made.settled
    assert whole == b"".join(one.data + b"\n" for one in there.output)
