from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.lines import MAX_LINE, RawLine, count_lines, split

texts = st.text("ab\r\n \ufeff", max_size=60).map(str.encode)


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    start = 0
    for end in [*sorted(places), len(data)]:
        yield data[start:end]
        start = end


def expected(data: bytes, limit: int) -> list[RawLine]:
    """The definition, without any thought of chunks."""
    offset = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    lines: list[RawLine] = []
    while offset < len(data):
        end = data.find(b"\n", offset)
        whole = data[offset : end if end >= 0 else len(data)]
        line = whole.removesuffix(b"\r") if end >= 0 else whole
        lines.append((offset, len(line), line if len(line) <= limit else None))
        offset += len(whole) + 1
    return lines


@given(texts, st.lists(st.integers(0, 200)), st.integers(0, 12))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(
    data: bytes, places: list[int], limit: int
) -> None:
    chunks = cut(data, [place % (len(data) + 1) for place in places])
    assert list(split(chunks, limit)) == expected(data, limit)


@given(texts)
def test_offset_and_length_are_where_the_line_is(data: bytes) -> None:
    for offset, length, line in split([data]):
        assert data[offset : offset + length] == line


def test_blank_lines_are_lines_but_the_end_of_the_last_is_none() -> None:
    assert list(split([b"a\n\n\r\nb\n"])) == [
        (0, 1, b"a"),
        (2, 0, b""),
        (3, 0, b""),
        (5, 1, b"b"),
    ]


def test_a_byte_order_mark_is_skipped_even_in_pieces() -> None:
    assert list(split([b"\xef", b"", b"\xbb", b"\xbfa\nb"])) == [(3, 1, b"a"), (5, 1, b"b")]
    assert list(split([b"\xef\xbb\xbf"])) == []
    assert list(split([b"\xef\xbb"])) == [(0, 2, b"\xef\xbb")]


def test_nothing_has_no_lines() -> None:
    assert list(split([])) == []
    assert list(split([b"", b""])) == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_of_just_the_limit_is_kept_whatever_ends_it(end: bytes) -> None:
    lines = split([b"x" * 10, end[:1], end[1:], b"y" * 11, end, b"z"], 10)
    second = 10 + len(end)
    third = second + 11 + len(end)
    assert list(lines) == [(0, 10, b"x" * 10), (second, 11, None), (third, 1, b"z")]


def test_a_line_without_bytes_is_kept_also_where_its_end_is_longer_than_the_limit() -> None:
    assert list(split([b"a\n\r", b"\n"], 0)) == [(0, 1, None), (2, 0, b"")]


def test_a_line_over_the_limit_is_dropped_while_it_streams_by() -> None:
    block = b"x" * 1_000_000
    tracemalloc.start()
    try:
        lines = list(split((block for _ in range(1000)), MAX_LINE))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == [(0, 1_000_000_000, None)]
    assert peak < 3 * MAX_LINE


def test_a_line_in_many_pieces_takes_linear_time() -> None:
    pieces = 1_000_000
    assert list(split(b"x" for _ in range(pieces))) == [(0, pieces, b"x" * pieces)]


def test_only_lines_with_something_in_them_are_counted() -> None:
    assert count_lines([b"a\n\n  \t\r\n", b"\nb\r\nc"]) == 3
    assert count_lines([b"x" * (MAX_LINE + 1)]) == 1
    assert count_lines([]) == 0
