"""The lines that results are held against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import msgspec

from batchyard.ledger.settlement._rows import MALFORMED_INPUT, VERDICT, Sorter
from batchyard.ledger.settlement._task import SettleTask
from batchyard.lines import (
    MAX_RESULT_LINE,
    LineIndex,
    LineIndexWriter,
    blocks,
    decode_result,
    is_blank,
    open_regular,
    split,
)

__all__ = ["END", "InputGroup", "groups_of", "input_index"]

InputGroup: TypeAlias = tuple[tuple[bytes, int, int], ...]
"""Hash, offset and length of the lines that have one hash: one line, but for a rare few."""

END = b"\xff" * 9
"""Greater than any hash."""


def input_index(
    task: SettleTask, path: Path, verdicts: Sorter, scope: ExitStack
) -> tuple[LineIndex, int]:
    """The index of the input, and how many lines the input has.

    Where there is none it is made, and lines that are no requests, as they may
    be in a file that was not checked here, get their verdicts.
    """
    if task.index is not None:
        index = scope.enter_context(LineIndex.open(task.index))
        return index, len(index)
    made = task.scratch / "input.index"
    lines = 0
    with open_regular(path) as file, LineIndexWriter(made) as writer:
        for offset, length, data in split(blocks(file), MAX_RESULT_LINE):
            if is_blank(data):
                continue
            lines += 1
            custom_id = _custom_id(data)
            if custom_id is None:
                verdict = VERDICT.pack(offset, 1, MALFORMED_INPUT, offset, length, 0)
                verdicts.extend((verdict,))
            else:
                writer.add(custom_id, offset, length)
        writer.finish()
    return scope.enter_context(LineIndex.open(made)), lines


def groups_of(index: LineIndex) -> Iterator[InputGroup]:
    """The lines of an index by their hashes, in the order of those."""
    entries = index.entries()
    line = next(entries, None)
    while line is not None:
        following = next(entries, None)
        if following is None or following[0] != line[0]:
            yield (line,)
        else:
            group = [line]
            while following is not None and following[0] == line[0]:
                group.append(following)
                following = next(entries, None)
            yield tuple(group)
        line = following


def _custom_id(data: bytes | None) -> str | None:
    try:
        return None if data is None else decode_result(data).custom_id
    except msgspec.DecodeError:
        return None
