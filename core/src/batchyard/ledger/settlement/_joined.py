"""Input lines beside what became of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from batchyard.ledger.settlement._content import ResultContent, Row
from batchyard.lines import MAX_RESULT_LINE, blocks, is_blank, open_regular, split

__all__ = ["Joined", "joined"]


@dataclass(frozen=True, slots=True)
class Joined:
    """An input line and its row.

    ``number`` counts from 1, as editors do, and is ``None`` where there is no
    input; ``line`` is ``None`` there, and for a line that is too long to be held.
    """

    number: int | None
    line: bytes | None
    row: Row | None


def joined(input_path: Path | None, contents: Sequence[ResultContent]) -> Iterator[Joined]:
    """Every line of the input in order, each with its one row from the result files."""
    rows = heapq.merge(*(content.rows() for content in contents), key=attrgetter("number"))
    if input_path is None:
        yield from (Joined(None, None, row) for row in rows)
        return
    row = next(rows, None)
    request = 0
    with open_regular(input_path) as file:
        lines = split(blocks(file), MAX_RESULT_LINE)
        for number, (_, _, data) in enumerate(lines, 1):
            if is_blank(data):
                continue
            request += 1
            if row is not None and row.number == request:
                yield Joined(number, data, row)
                row = next(rows, None)
            else:
                yield Joined(number, data, None)
