"""Checking an input file in one pass."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from batchyard.errors import InvalidLinesError, LineProblem
from batchyard.lines._duplicates import duplicate_problems
from batchyard.lines._index import LineIndex
from batchyard.lines._index_writer import LineIndexWriter
from batchyard.lines._regular import DigestedBlocks, StrPath, open_regular
from batchyard.lines._scan import MAX_PROBLEMS, AddId, Scan
from batchyard.lines._split import BOM, split
from batchyard.models import Limits

__all__ = ["FileCheck", "check_file"]

MAX_REMEMBERED = 262_144
"""Lines whose ids are compared in memory, in about 25 MB."""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What an input file has in it.

    ``lines`` counts requests, right or wrong; ``digest`` is the SHA-256 of the
    content in hex; ``endpoint`` is the one ``url`` of the lines, if there is one;
    ``endpoints`` and ``models`` count lines, for the first 1,000 of each;
    ``problems`` are the first 1,000 of ``problem_count``; ``has_bom`` says that
    the file starts with a byte order mark, which not every provider takes.
    """

    lines: int
    bytes: int
    digest: str
    endpoint: str | None
    endpoints: Mapping[str, int]
    models: Mapping[str, int]
    problems: tuple[LineProblem, ...] = field(repr=False)
    problem_count: int
    has_bom: bool = False

    def raise_for_problems(self) -> None:
        """Raise :class:`~batchyard.errors.InvalidLinesError` if there are problems."""
        if self.problem_count:
            raise InvalidLinesError(self.problems, self.problem_count)


def check_file(
    path: StrPath, index_path: StrPath | None = None, *, limits: Limits | None = None
) -> FileCheck:
    """Find all that is wrong with an input file on disk; of *limits*, lines, bytes and endpoints.

    With *index_path* the file's line index is written there, unless there are
    problems.  Raises :class:`InputError` for what is no readable regular file.
    """
    limits = limits or Limits()
    with open_regular(path) as file:
        if index_path is not None:
            return _check_with_index(file, Path(index_path), limits)
        ids = _RememberedIds()
        check = _Pass(file, limits, ids.add)
        if ids.all_differ:
            return check.result([], 0)
        # an index tells which are the same, without holding them in memory
        with tempfile.TemporaryDirectory(prefix="batchyard-") as folder:
            return _check_with_index(file, Path(folder, "index"), limits)


class _RememberedIds:
    """Whether all ids of a file of ordinary size differ, at a tenth of an index's cost."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._repeats = False

    def add(self, custom_id: str, _offset: int, _length: int) -> None:
        known = len(self._hashes)
        if known < MAX_REMEMBERED:
            self._hashes.add(hash(custom_id))
        if len(self._hashes) == known:
            self._repeats = True

    @property
    def all_differ(self) -> bool:
        """False also when they are too many to know."""
        return not self._repeats


class _Pass:
    """What one pass over the file finds."""

    def __init__(self, file: BinaryIO, limits: Limits, add_id: AddId) -> None:
        self._limits = limits
        self._blocks = DigestedBlocks(file)
        self._scan = Scan(limits.endpoints, add_id)
        file.seek(0)
        self._has_bom = file.read(len(BOM)) == BOM
        file.seek(0)
        self._scan.run(split(self._blocks))

    def result(self, duplicates: list[LineProblem], duplicate_count: int) -> FileCheck:
        scan = self._scan
        whole = list(self._whole_file_problems())
        problems = whole + sorted([*scan.problems, *duplicates], key=lambda one: one.line)
        endpoints = dict(scan.endpoints)
        models = {name: count for name, count in scan.models.items() if name is not None}
        return FileCheck(
            lines=scan.lines,
            bytes=self._blocks.length,
            digest=self._blocks.hexdigest(),
            endpoint=next(iter(endpoints)) if len(endpoints) == 1 else None,
            endpoints=MappingProxyType(endpoints),
            models=MappingProxyType(models),
            problems=tuple(problems[:MAX_PROBLEMS]),
            problem_count=len(whole) + scan.problem_count + duplicate_count,
            has_bom=self._has_bom,
        )

    def _whole_file_problems(self) -> Iterator[LineProblem]:
        lines, size = self._scan.lines, self._blocks.length
        most_lines, most_bytes = self._limits.max_lines, self._limits.max_bytes
        if not lines:
            message = "The file has no requests. Write one on each line."
            yield LineProblem(0, "empty_file", message)
        if most_lines is not None and lines > most_lines:
            message = f"The file has {lines} requests, and {most_lines} are taken. Split it."
            yield LineProblem(0, "too_many_tasks", message)
        if most_bytes is not None and size > most_bytes:
            message = f"The file has {size} bytes, and {most_bytes} are taken. Split it."
            yield LineProblem(0, "file_too_large", message)


def _check_with_index(file: BinaryIO, index_path: Path, limits: Limits) -> FileCheck:
    with LineIndexWriter(index_path) as writer:
        check = _Pass(file, limits, writer.add)
        writer.finish()
    try:
        with LineIndex.open(index_path) as index:
            result = check.result(*duplicate_problems(file, index, MAX_PROBLEMS))
    except BaseException:
        index_path.unlink(missing_ok=True)
        raise
    if result.problem_count:
        index_path.unlink()
    return result
