"""Lines beside their rows, from any place between two lines on."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.errors import InputError
from batchyard.ledger.settlement import ResultContent, Spot, joined
from batchyard.ledger.settlement._offsets import OffsetsWriter
from batchyard.ledger.settlement._rows import CODES
from batchyard.models import Outcome

OUTCOMES: tuple[Outcome, ...] = ("ok", "error", "missing")


def results(folder: Path, outcomes: list[Outcome]) -> ResultContent:
    """A file with a row for each request but the missing ones."""
    content, index = folder / "content.jsonl", folder / "offsets.index"
    with content.open("wb") as rows, index.open("wb") as file:
        writer = OffsetsWriter(file)
        for number, outcome in enumerate(outcomes, 1):
            if outcome != "missing":
                row = f"row of {number}".encode()
                writer.add(number, rows.tell(), len(row), CODES[outcome])
                rows.write(row + b"\n")
        writer.finish()
    return ResultContent(content, index)


@given(
    lines=st.lists(
        st.sampled_from([b"\n", b" \r\n", b"{}\n", b'{"a": 1}\r\n', b"[" + b"x" * 70_000 + b"]\n"]),
        max_size=12,
    ),
    last=st.sampled_from([b"", b"{}", b" "]),
    outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=13, max_size=13),
    wanted=st.sets(st.sampled_from(OUTCOMES), min_size=1),
    bom=st.booleans(),
)
def test_what_begins_at_a_place_is_the_rest_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    last: bytes,
    outcomes: list[Outcome],
    wanted: set[Outcome],
    bom: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    path = folder / "in.jsonl"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + b"".join(lines) + last)
    requests = [one for one in (*lines, last) if one.strip()]
    with results(folder, outcomes[: len(requests)]) as content:
        whole = list(joined(path, [content]))
        assert [one.line for one in whole] == [one.rstrip(b"\r\n") for one in requests]
        for number, one in enumerate(whole):
            assert list(joined(path, [content], one.end)) == whole[number + 1 :]
        some = list(joined(path, [content], outcomes=wanted))
        kept = [one for one, what in zip(whole, outcomes, strict=False) if what in wanted]
        assert [(one.number, one.row) for one in some] == [(one.number, one.row) for one in kept]
        pages = chain.from_iterable(
            list(joined(path, [content], place, wanted))[:1]
            for place in (Spot(), *(one.end for one in some))
        )
        assert list(pages) == some


@pytest.mark.parametrize("offset", [1, 4, 1000])
def test_the_middle_of_a_line_is_no_place(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}\n{}\n")
    with results(tmp_path, ["ok", "ok"]) as content, pytest.raises(InputError):
        list(joined(path, [content], Spot(offset, 1, 1)))
