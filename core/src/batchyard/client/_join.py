"""Results joined to the lines they answer: by ``custom_id``, on disk, a block at a time.

Memory holds the file positions of one block and its lines; the rest is in the
files and their indexes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec

from batchyard.client._results import Completeness, Result, decoded_input
from batchyard.lines import (
    MAX_RESULT_LINE,
    NEVER_RUN,
    NO_RESULT,
    TWICE,
    UNREADABLE,
    InputLine,
    LineIndex,
    ResultError,
    ResultLine,
    decode_result,
    index_results,
    outcome_of,
    refusal_of,
    split,
)
from batchyard.models import Batch, Outcome, Usage

__all__ = ["Join", "JoinFiles", "in_blocks"]

BLOCK = 256
"""Results handed over at a time, at most."""

BLOCK_BYTES = 1024 * 1024
"""Bytes of lines, in and out, after which a block is handed over, however few they are."""

READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class JoinFiles:
    """Where things are: ``input`` is ``None`` where it could not be read."""

    folder: Path
    input: Path | None
    results: tuple[Path, ...]


class _Side:
    """One result file with its index."""

    def __init__(self, path: Path, folder: Path, scope: ExitStack) -> None:
        index = folder / f"{path.name}.index"
        info = index_results(path, index)
        self.entries = info.count
        self.malformed = info.malformed_count
        self._file: IO[bytes] = scope.enter_context(path.open("rb"))
        self._index = scope.enter_context(LineIndex.open(index))

    def find(self, custom_id: str) -> Iterator[tuple[bytes, ResultLine]]:
        """The lines with that id; the index has candidates, the lines decide."""
        for offset, length in self._index.find(custom_id):
            self._file.seek(offset)
            data = self._file.read(length)
            line = decode_result(data)
            if line.custom_id == custom_id:
                yield data, line


class Join:
    """Joins one batch's files.  ``completeness`` is whole after ``blocks`` has ended."""

    def __init__(self, batch: Batch, usage_of: Callable[[ResultLine], Usage]) -> None:
        self._batch = batch
        self._usage_of = usage_of
        self._outcomes: Counter[Outcome] = Counter()
        self._usage = Usage()
        self._lines: int | None = None
        self._matched = self._duplicates = self._entries = self._malformed = 0
        self._twice: frozenset[str] = frozenset()

    def blocks(self, files: JoinFiles) -> Iterator[list[Result]]:
        """The results, in the order of the input where there is one."""
        with ExitStack() as scope:
            sides = [_Side(path, files.folder, scope) for path in files.results]
            self._entries = sum(side.entries for side in sides)
            self._malformed = sum(side.malformed for side in sides)
            if files.input is None:
                results = self._unmatched(files.results)
            else:
                self._twice = _ids_given_twice(files.input, files.folder)
                results = self._matching(files.input, sides)
            yield from in_blocks(results)

    def completeness(self) -> Completeness:
        strangers = 0 if self._lines is None else self._entries - self._matched - self._duplicates
        return Completeness(
            self._lines,
            dict(self._outcomes),
            self._duplicates,
            max(0, strangers),
            self._malformed,
            self._usage,
        )

    def _matching(self, path: Path, sides: list[_Side]) -> Iterator[Result]:
        self._lines = 0
        for number, data in _numbered(path):
            if data is None or data.strip():
                self._lines += 1
                line = None if data is None else decoded_input(data)
                yield self._count(self._joined(number, line, sides))

    def _joined(self, number: int, line: InputLine | None, sides: list[_Side]) -> Result:
        if line is None:
            return Result("", "error", number, Usage(), self._refusal(number) or UNREADABLE)
        found = [one for side in sides for one in side.find(line.custom_id)]
        if line.custom_id in self._twice and found:
            # no result may go to a line that it may not belong to
            return Result(line.custom_id, "missing", number, Usage(), TWICE, input=line)
        if not found:
            outcome, reason = self._absent(number)
            return Result(line.custom_id, outcome, number, Usage(), reason, input=line)
        self._matched += 1
        self._duplicates += len(found) - 1
        raw, output = min(found, key=lambda one: outcome_of(one[1]) != "ok")
        return replace(self._result(raw, output, number), input=line)

    def _unmatched(self, paths: tuple[Path, ...]) -> Iterator[Result]:
        for path in paths:
            for _, data in _numbered(path):
                try:
                    line = decode_result(data or b"")
                except (msgspec.DecodeError, RecursionError):
                    continue  # counted when the file was indexed
                yield self._count(self._result(data or b"", line, None))

    def _result(self, raw: bytes, line: ResultLine, number: int | None) -> Result:
        return Result(
            line.custom_id,
            outcome_of(line),
            number,
            self._usage_of(line),
            line.failure,
            output=line,
            raw=raw,
        )

    def _count(self, result: Result) -> Result:
        self._outcomes[result.outcome] += 1
        if result.output is not None:
            self._usage += result.usage
        return result

    def _absent(self, number: int) -> tuple[Outcome, ResultError]:
        """Why a line has no result: the batch was refused or ended early, or nobody knows."""
        refusal = self._refusal(number)
        if refusal is not None:
            return "error", refusal
        return NEVER_RUN.get(self._batch.status or "", ("missing", NO_RESULT))

    def _refusal(self, number: int) -> ResultError | None:
        """What a failed batch says of the line or of itself."""
        if self._batch.status != "failed":
            return None
        errors = self._batch.errors.data if self._batch.errors else []
        return refusal_of(next((one for one in errors if one.line == number), None), errors)


def _ids_given_twice(path: Path, folder: Path) -> frozenset[str]:
    """The ids that more than one line of the input has: none, in a file that was checked."""
    index_path = folder / "lines.index"
    index_results(path, index_path)
    twice: set[str] = set()
    with LineIndex.open(index_path) as index, path.open("rb") as file:
        for group in index.duplicates():
            ids = Counter(_id_at(file, *place) for place in group)
            twice.update(custom_id for custom_id, count in ids.items() if count > 1)
    return frozenset(twice)


def _id_at(file: IO[bytes], offset: int, length: int) -> str:
    file.seek(offset)
    return decode_result(file.read(length)).custom_id


def _numbered(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """The file's lines with their numbers; ``None`` for one too long to be held."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(READ), b"")
        for number, (_, _, data) in enumerate(split(chunks, MAX_RESULT_LINE), 1):
            yield number, data


def in_blocks(results: Iterator[Result]) -> Iterator[list[Result]]:
    """So many at a time that neither their number nor their size is large."""
    while block := _block(results):
        yield block


def _block(results: Iterator[Result]) -> list[Result]:
    block: list[Result] = []
    size = 0
    for result in itertools.islice(results, BLOCK):
        block.append(result)
        size += len(result.raw or b"")
        size += 0 if result.input is None else len(result.input.body)
        if size >= BLOCK_BYTES:
            break
    return block
