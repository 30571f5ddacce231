"""Result files, read from any place in the order of the input."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.errors import SourceError
from batchyard.ledger.settlement import FilePaths, ResultContent, SettleTask, joined, settle
from batchyard.ledger.settlement._offsets import OffsetsWriter
from tests.settlement.files import Desk, answer, not_run, opened, request

IDS = [f"r-{number}" for number in range(60)]
SHUFFLED = sorted(IDS, key=lambda one: hash((one, 7)))


def answers(order: list[str]) -> list[bytes]:
    return [answer(one, text="x" * (37 * int(one[2:]) % 500)) for one in order]


WHOLE = b"".join(one + b"\n" for one in answers(IDS))


@pytest.fixture(scope="module", params=["linked", "written"])
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FilePaths:
    """A file that was taken over as it came, and one that was put together."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    more = [] if request.param == "linked" else [b"{"]
    return settled(desk, [*answers(SHUFFLED), *more]).output


def settled(desk: Desk, rows: list[bytes]) -> SettleTask:
    task = desk.task(map(request, IDS), desk.job(rows))
    settle(task)
    return task


def test_a_whole_file_is_read_in_the_order_of_the_input(output: FilePaths) -> None:
    with opened(output) as content:
        assert b"".join(content.read()) == WHOLE
        assert content.size == len(WHOLE)


@given(st.integers(0, len(WHOLE) + 10), st.integers(0, len(WHOLE) + 10))
def test_any_range_of_it_can_be_read(output: FilePaths, start: int, stop: int) -> None:
    with opened(output) as content:
        assert b"".join(content.read(start, stop)) == WHOLE[start:stop]


def test_it_can_be_read_as_it_was_completed(output: FilePaths) -> None:
    with opened(output) as content:
        data = b"".join(content.read(10, as_completed=True))
    assert data == output.content.read_bytes()[10:]


def test_any_line_can_be_read(output: FilePaths) -> None:
    with opened(output) as content:
        lines = [content.line(number) for number in range(62)]
    assert lines == [None, *answers(IDS), None]


def test_a_row_of_the_other_file_is_not_in_this_one(desk: Desk) -> None:
    rows = [answer(one) for one in "ac"], [not_run("b")]
    found = desk.settle(map(request, "abc"), desk.job(*rows))
    with opened(found.task.output) as output, opened(found.task.errors) as errors:
        assert [output.line(number) for number in (1, 2, 3)] == [answer("a"), None, answer("c")]
        assert [errors.line(number) for number in (1, 2, 3)] == [None, not_run("b"), None]


def test_blocks_are_of_bounded_size_however_long_a_row_is(desk: Desk) -> None:
    rows = [answer(one, text="x" * 700_000) for one in "cab"]
    found = desk.settle(map(request, "abc"), desk.job(rows, b"{"))
    with opened(found.task.output) as content:
        blocks = list(content.read())
    assert max(map(len, blocks)) <= 256 * 1024
    assert b"".join(blocks) == b"".join(rows[number] + b"\n" for number in (1, 2, 0))


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    paths = FilePaths(tmp_path / "empty.jsonl", tmp_path / "empty.offsets")
    paths.content.touch()
    with paths.offsets.open("wb") as file:
        OffsetsWriter(file).finish()
    with opened(paths) as content:
        assert (content.size, content.lines, list(content.read())) == (0, 0, [])
        assert content.line(1) is None


def test_the_digest_is_that_of_the_file_in_order(desk: Desk) -> None:
    there = desk.settle(map(request, "abc"), desk.job(map(answer, "cab")), digests=True)
    back = desk.settle(map(request, "abc"), desk.job(map(answer, "bac"), b"{"), digests=True)
    assert there.settled.output.digest == back.settled.output.digest
    assert there.settled.output.digest != there.settled.errors.digest
    assert desk.settle([], desk.job()).settled.output.digest is None


@pytest.mark.parametrize("size", [0, 5, 16, 40])
def test_a_damaged_index_is_refused(desk: Desk, size: int) -> None:
    found = desk.settle(map(request, "abc"), desk.job(map(answer, "cab")))
    offsets = found.task.output.offsets
    offsets.write_bytes(offsets.read_bytes()[:size])
    with pytest.raises(SourceError, match="damaged"):
        ResultContent(found.task.output.content, offsets)


class TestJoined:
    def test_every_request_is_beside_its_row(self, desk: Desk) -> None:
        lines = [request("a"), b"", request("b"), request("c")]
        found = desk.settle(lines, desk.job([answer("c"), answer("a")], [not_run("b")]))
        with opened(found.task.output) as output, opened(found.task.errors) as errors:
            pairs = list(joined(found.task.input, [output, errors]))
        assert [one.number for one in pairs] == [1, 3, 4]
        assert [one.line for one in pairs] == [request("a"), request("b"), request("c")]
        assert [one.row and one.row.data for one in pairs] == [
            answer("a"),
            not_run("b"),
            answer("c"),
        ]
        assert [one.row and one.row.outcome for one in pairs] == ["ok", "expired", "ok"]

    def test_without_an_input_there_are_the_rows(self, desk: Desk) -> None:
        found = desk.settle(None, desk.job([answer("c"), answer("a")], [not_run("b")]))
        with opened(found.task.output) as output, opened(found.task.errors) as errors:
            pairs = list(joined(None, [output, errors]))
        assert [(one.number, one.line) for one in pairs] == [(None, None)] * 3
        assert [one.row and one.row.data for one in pairs] == [
            answer("c"),
            answer("a"),
            not_run("b"),
        ]

    def test_a_file_that_is_not_given_leaves_its_lines_without_a_row(self, desk: Desk) -> None:
        found = desk.settle(map(request, "ab"), desk.job([answer("a")], [not_run("b")]))
        with opened(found.task.output) as output:
            pairs = list(joined(found.task.input, [output]))
        assert [one.row is None for one in pairs] == [False, True]


def test_a_link_that_cannot_be_made_is_a_copy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As between two disks."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link", str(source), None, str(target))

    monkeypatch.setattr("os.link", refuse)
    job = desk.job(map(answer, "cab"))
    found = desk.settle(map(request, "abc"), job)
    assert not found.task.output.content.samefile(job.results[0])
    assert found.ids == ["a", "b", "c"]
    assert tmp_path.exists()
