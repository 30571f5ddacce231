"""Models by other names: the value of ``body.model`` changes, and not one byte beside it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard.errors import SourceError
from batchyard.lines import rename_models, renamed_growth

NAMES = {"alias": "deployment-of-it", "long-alias": "d", 'qu"ote': "ü"}


def renamed(data: bytes, block: int = 64) -> bytes:
    chunks = [data[start : start + block] for start in range(0, len(data), block)]
    return b"".join(rename_models(chunks, NAMES))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"body":{"model":"alias"}}', b'{"body":{"model":"deployment-of-it"}}'),
        (b'{"body" : {"model"\t: "alias" }}\r', b'{"body" : {"model"\t: "deployment-of-it" }}\r'),
        (b'{"body":{"model":"other"}}', b'{"body":{"model":"other"}}'),
        (b'{"body":{"mod\\u0065l":"\\u0061lias"}}', b'{"body":{"mod\\u0065l":"deployment-of-it"}}'),
        (b'{"body":{"model":"qu\\"ote"}}', '{"body":{"model":"ü"}}'.encode()),
        # of two keys the last counts, and no service may read the other
        (
            b'{"body":{"model":"other","model":"alias"}}',
            b'{"body":{"model":"deployment-of-it","model":"deployment-of-it"}}',
        ),
        # what only looks like it is another's
        (
            b'{"model":"alias","body":{"x":{"model":"alias"},"y":[{"model":"alias"}],"n":1}}',
            b'{"model":"alias","body":{"x":{"model":"alias"},"y":[{"model":"alias"}],"n":1}}',
        ),
        (
            b'{"x":{"body":{"model":"alias"}},"body":{"s":"\\"model\\":\\"alias\\"","model":"alias"}}',
            (
                b'{"x":{"body":{"model":"alias"}},'
                b'"body":{"s":"\\"model\\":\\"alias\\"","model":"deployment-of-it"}}'
            ),
        ),
        (
            b'{"body":{"a":"model","model":"alias"}}',
            b'{"body":{"a":"model","model":"deployment-of-it"}}',
        ),
    ],
)
def test_the_name_changes_and_nothing_else(before: bytes, after: bytes) -> None:
    assert renamed(before) == after
    # wherever it stands in a file, with blank lines around it and an end or not
    assert renamed(b"\n" + before + b"\n \n" + before) == b"\n" + after + b"\n \n" + after


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["model", "alias"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "body", "x", "é"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), max_size=4), st.integers(1, 200))
def test_whatever_a_line_holds_only_the_model_differs(
    lines: list[tuple[Any, Any, bool]], block: int
) -> None:
    rows = [
        {"before": one, "body": {"before": one, "model": "alias", "after": other}, "model": other}
        for one, other, _ in lines
    ]
    data = b"\n".join(
        json.dumps(row, ensure_ascii=ascii_only).encode()
        for row, (_, _, ascii_only) in zip(rows, lines, strict=True)
    )
    found = renamed(data, block).split(b"\n") if rows else []
    for row, line in zip(rows, found, strict=True):
        assert json.loads(line) == row | {"body": row["body"] | {"model": "deployment-of-it"}}
    growth = renamed_growth({"alias": len(rows)}, NAMES)
    assert len(renamed(data, block)) == len(data) + growth


def test_the_growth_is_a_bound_also_where_names_are_escaped() -> None:
    line = b'{"body":{"model":"\\u0061lias"}}'
    assert len(renamed(line)) <= len(line) + renamed_growth({"alias": 1, "other": 5}, NAMES)
    assert renamed_growth({"long-alias": 3}, NAMES) == -27


def test_a_line_that_is_none_any_more_is_named() -> None:
    with pytest.raises(SourceError, match="line 2 changed"):
        renamed(b'{"body":{"model":"alias"}}\n{"body":\n')


def test_memory_stays_flat() -> None:
    line = json.dumps({"body": {"model": "alias", "x": "y" * 2000}}).encode() + b"\n"

    def chunks() -> Iterator[bytes]:
        for _ in range(200):
            yield line * 50

    tracemalloc.start()
    try:
        size = sum(map(len, rename_models(chunks(), NAMES)))
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert size == 200 * 50 * (len(line) + len("deployment-of-it") - len("alias"))
