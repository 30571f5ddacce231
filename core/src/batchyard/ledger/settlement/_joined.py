"""Input lines beside what became of them."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from batchyard.errors import InputError
from batchyard.ledger.settlement._content import ResultContent, Row
from batchyard.lines import MAX_RESULT_LINE, blocks, is_blank, open_regular, split
from batchyard.models import Outcome

__all__ = ["BEGINNING", "Joined", "Spot", "joined"]

LF = b"\n"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place between two lines of the input.

    ``offset`` is the first byte that lies behind it, ``lines`` and ``requests``
    say how many lie before it; a blank line is no request.
    """

    offset: int = 0
    lines: int = 0
    requests: int = 0


BEGINNING = Spot()


@dataclass(frozen=True, slots=True)
class Joined:
    """An input line and its row.

    ``number`` counts from 1, as editors do, and is ``None`` where there is no
    input; ``line`` is ``None`` there, and for a line that is too long to be held.
    ``end`` is where the next one begins.
    """

    number: int | None
    line: bytes | None
    row: Row | None
    end: Spot


def joined(
    input_path: Path | None,
    contents: Sequence[ResultContent],
    start: Spot = BEGINNING,
    outcomes: Collection[Outcome] | None = None,
) -> Iterator[Joined]:
    """The lines of the input from *start* on in order, each with its one row from the result files.

    With *outcomes* only those that came to one of them; the rows of the others
    are not read.  Raises :class:`InputError` for a *start* that is no place
    between two lines.
    """
    parts = (content.rows(start.requests, outcomes) for content in contents)
    rows = heapq.merge(*parts, key=attrgetter("number"))
    if input_path is None:
        for row in rows:
            if outcomes is None or row.outcome in outcomes:
                yield Joined(None, None, row, Spot(0, 0, row.number))
        return
    following: Row | None = next(rows, None)
    for number, request, data, end in _requests(input_path, start):
        found: Row | None = None
        if following is not None and following.number == request:
            found, following = following, next(rows, None)
        outcome = "missing" if found is None else found.outcome
        if outcomes is None or outcome in outcomes:
            yield Joined(number, data, found, Spot(end, number, request))


def _requests(path: Path, start: Spot) -> Iterator[tuple[int, int, bytes | None, int]]:
    """Number of the line, number of the request, its bytes, and where the next line begins."""
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(max(start.offset - 1, 0))
        inside = 0 < start.offset < size and file.read(1) != LF
        if inside or start.offset > size:
            raise InputError("there is no line that begins there", param="after")
        file.seek(start.offset)
        request = start.requests
        lines = split(blocks(file), MAX_RESULT_LINE)
        number, held = start.lines, None
        # a line's end, which may be one byte or two, shows where the next one begins
        for offset, _, data in lines:
            if held is not None:
                yield *held, start.offset + offset
            number += 1
            held = None
            if not is_blank(data):
                request += 1
                held = (number, request, data)
        if held is not None:
            yield *held, size
