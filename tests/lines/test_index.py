from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchyard.errors import BatchyardError, InputError, SourceError
from batchyard.lines import LineIndex, LineIndexWriter, index_results

ids = st.text(st.characters(), max_size=8)


@given(st.lists(st.tuples(ids, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_that_was_added_is_found(
    tmp_path: Path, lines: list[tuple[str, int, int]]
) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        for line in lines:
            writer.add(*line)
        info = writer.finish()
    with LineIndex.open(tmp_path / "index") as index:
        assert len(index) == info.count == len(lines)
        for custom_id, offset, length in lines:
            assert (offset, length) in index.find(custom_id)


def test_200_000_lines_are_sorted_in_runs_within_bounded_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with LineIndexWriter(tmp_path / "index") as writer:
            for number in range(200_000):
                writer.add(f"r-{number}", number * 500, 499)
            info = writer.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000
    assert info.count == 200_000
    with LineIndex.open(tmp_path / "index") as index:
        assert all(
            index.find(f"r-{number}") == ((number * 500, 499),) for number in range(0, 200_000, 97)
        )
        assert index.find("r-200000") == ()
        assert list(index.duplicates()) == []


def test_the_same_lines_make_the_same_index_whatever_their_order(tmp_path: Path) -> None:
    lines = [(f"r-{number % 90_000}", number, 1) for number in range(100_000)]
    digests = set()
    for name, order in (("a", lines), ("b", lines[::-1])):
        with LineIndexWriter(tmp_path / name) as writer:
            for line in order:
                writer.add(*line)
            digests.add(writer.finish().digest)
        with LineIndex.open(tmp_path / name) as index:
            digests.add(index.digest())
            assert sum(1 for _ in index.duplicates()) == 10_000
    assert digests == {hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()}


def test_lines_with_one_id_are_a_group_in_the_order_of_the_file(tmp_path: Path) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        for custom_id, offset in (("a", 50), ("b", 20), ("a", 0), ("\ud800", 9), ("a", 70)):
            writer.add(custom_id, offset, 5)
        writer.finish()
    with LineIndex.open(tmp_path / "index") as index:
        assert list(index.duplicates()) == [((0, 5), (50, 5), (70, 5))]
        assert index.find("a") == ((0, 5), (50, 5), (70, 5))
        assert index.find("\ud800") == ((9, 5),)


def test_the_format_is_stable(tmp_path: Path) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        writer.add("a", 258, 3)
        writer.finish()
    assert (tmp_path / "index").read_bytes() == (
        b"BYLX\0\0\0\1\0\0\0\0\0\0\0\1"
        + hashlib.blake2b(b"a", digest_size=8).digest()
        + b"\0\0\0\0\0\0\1\2\0\0\0\3"
    )


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    def write() -> None:
        with LineIndexWriter(tmp_path / "index") as writer:
            for number in range(70_000):
                writer.add(str(number), number, 1)
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_was_not_finished_does_not_replace_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"old")
    with LineIndexWriter(tmp_path / "index") as writer:
        writer.add("a", 0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert (tmp_path / "index").read_bytes() == b"old"


def test_a_failure_to_put_the_index_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with LineIndexWriter(tmp_path / "index") as writer:
        writer.add("a", 0, 1)
        with pytest.raises(BatchyardError, match="cannot write the line index"):
            writer.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("line", [(0, 2**32), (2**64, 1), (-1, 1), (0, -1)])
def test_numbers_that_do_not_fit_are_refused(tmp_path: Path, line: tuple[int, int]) -> None:
    with LineIndexWriter(tmp_path / "index") as writer, pytest.raises(InputError, match="4 GiB"):
        writer.add("a", *line)


def test_a_damaged_or_foreign_file_says_to_build_the_index_again(tmp_path: Path) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        for custom_id in "abc":
            writer.add(custom_id, 0, 1)
        writer.finish()
    good = (tmp_path / "index").read_bytes()
    version_2 = good[:7] + b"\2" + good[8:]
    for bad in (b"", b"BYLX", good[:-1], good[:-20], good + b"x", b"x" + good[1:], version_2):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(SourceError, match="build it again"):
            LineIndex.open(tmp_path / "bad")


def test_entries_out_of_order_say_to_build_the_index_again(tmp_path: Path) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        writer.add("a", 0, 1)
        writer.add("b", 2, 1)
        writer.finish()
    good = (tmp_path / "index").read_bytes()
    (tmp_path / "index").write_bytes(good[:16] + good[36:] + good[16:36])
    with (
        LineIndex.open(tmp_path / "index") as index,
        pytest.raises(SourceError, match="build it again"),
    ):
        list(index.duplicates())


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    with LineIndexWriter(tmp_path / "index") as writer:
        writer.finish()
    with LineIndex.open(tmp_path / "index") as index:
        assert (len(index), index.find("a"), list(index.duplicates())) == (0, (), [])


def test_results_are_found_and_a_malformed_line_costs_that_line(tmp_path: Path) -> None:
    source = tmp_path / "results"
    source.write_bytes(
        b'\xef\xbb\xbf{"custom_id":"a","response":null}\r\n'
        b"\n"
        b"not json\n"
        b'{"custom_id":7}\n'
        b'{"custom_id":"nan","response":{"body":NaN}}\n'
        b'{"custom_id":"cut off'
    )
    info = index_results(source, tmp_path / "index")
    assert (info.count, info.malformed_count) == (2, 3)
    assert [number for number, _ in info.malformed] == [3, 4, 6]
    content = source.read_bytes()
    with LineIndex.open(tmp_path / "index") as index:
        assert index.digest() == info.digest
        ((offset, length),) = index.find("nan")
        assert content[offset : offset + length] == b'{"custom_id":"nan","response":{"body":NaN}}'


def test_of_many_malformed_results_the_first_thousand_are_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_bytes(b"x\n" * 5000)
    info = index_results(tmp_path / "results", tmp_path / "index")
    assert (info.count, info.malformed_count, len(info.malformed)) == (0, 5000, 1000)
