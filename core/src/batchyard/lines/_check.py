"""Checking an input file in one pass."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from batchyard.errors import BatchyardError, InvalidLinesError, LineProblem
from batchyard.lines._duplicates import duplicate_problems
from batchyard.lines._ids import RememberedIds
from batchyard.lines._index import LineIndex
from batchyard.lines._index_writer import LineIndexWriter
from batchyard.lines._regular import PassingBytes, StrPath, blocks, open_regular
from batchyard.lines._scan import MAX_PROBLEMS, IdSink, Scan
from batchyard.lines._split import BOM, PIECE, lines_in, pieces
from batchyard.models import Limits
from batchyard.sources import Source

__all__ = ["FileCheck", "check_arriving", "check_file", "check_source"]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What an input file has in it.

    ``lines`` counts requests, right or wrong; ``digest`` is the SHA-256 of the
    content in hex, if it was asked for; ``endpoint`` is the one ``url`` of the
    lines, if there is one; ``endpoints`` and ``models`` count lines, for the first 1,000 of each;
    ``problems`` are the first 1,000 of ``problem_count``; ``has_bom`` says that
    the file starts with a byte order mark, which not every provider takes.
    """

    lines: int
    bytes: int
    digest: str | None
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
    path: StrPath,
    index_path: StrPath | None = None,
    *,
    limits: Limits | None = None,
    models: Collection[str] | None = None,
    digest: bool = False,
) -> FileCheck:
    """Find all that is wrong with an input file on disk; of *limits*, lines, bytes and endpoints.

    *models* are those that may be asked for, if not any.  With *index_path* the
    file's line index is written there, unless there are problems.  Raises
    :class:`InputError` for what is no readable regular file.
    """
    rules = _Rules(limits or Limits(), models, digest)
    with open_regular(path) as file:
        if index_path is not None:
            return _check_with_index(file, Path(index_path), rules)
        result = _check_without_index(blocks(file, PIECE), rules)
        if result is not None:
            return result
        # an index tells which ids are the same, without holding them in memory
        with tempfile.TemporaryDirectory(prefix="batchyard-") as folder:
            return _check_with_index(file, Path(folder, "index"), rules)


def check_arriving(
    chunks: Iterable[bytes],
    content: StrPath,
    index_path: StrPath,
    *,
    models: Collection[str] | None = None,
) -> FileCheck:
    """What :func:`check_file` finds, of a body that is written to *content* as it passes by.

    One pass, with the body's digest and its line index.  *content* is left there
    also where there are problems.  Raises :class:`BatchyardError` where it cannot
    be written.
    """
    rules = _Rules(Limits(), models, digest=True)
    with Path(content).open("w+b", buffering=0) as file:
        return _check_with_index(file, Path(index_path), rules, _kept(chunks, file))


def _kept(chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        left = memoryview(chunk)
        while left:
            left = left[file.write(left) :]
        yield chunk


def check_source(
    source: Source,
    *,
    limits: Limits | None = None,
    models: Collection[str] | None = None,
    digest: bool = False,
) -> FileCheck:
    """What :func:`check_file` finds, of a body that is to be sent.

    Reads it once, and again only where ids occur twice or are very many.
    """
    rules = _Rules(limits or Limits(), models, digest)
    result = _check_without_index(source.chunks(), rules)
    if result is not None:
        return result
    with tempfile.TemporaryDirectory(prefix="batchyard-") as folder:
        copy = Path(folder, "input.jsonl")
        _copy(source, copy)
        with open_regular(copy) as file:
            return _check_with_index(file, Path(folder, "index"), rules)


@dataclass(frozen=True, slots=True)
class _Rules:
    limits: Limits
    models: Collection[str] | None
    digest: bool


class _IndexedIds:
    """Puts the ids into an index."""

    def __init__(self, writer: LineIndexWriter) -> None:
        self.add = writer.add

    def add_all(self, custom_ids: list[str], data: bytes, offset: int) -> None:
        add = self.add
        for custom_id, line in zip(custom_ids, lines_in(data, offset), strict=True):
            add(custom_id, line[0], line[1])


class _Pass:
    """What one pass over the bytes finds."""

    def __init__(self, chunks: Iterable[bytes], rules: _Rules, ids: IdSink) -> None:
        self._limits = rules.limits
        self._bytes = PassingBytes(chunks, hashed=rules.digest)
        self._scan = Scan(rules.limits.endpoints, rules.models, ids)
        self._scan.run(pieces(self._bytes))

    def result(self, duplicates: list[LineProblem], duplicate_count: int) -> FileCheck:
        scan = self._scan
        whole = list(self._whole_file_problems())
        problems = whole + sorted([*scan.problems, *duplicates], key=lambda one: one.line)
        endpoints = dict(scan.endpoints)
        models = {name: count for name, count in scan.models.items() if name is not None}
        return FileCheck(
            lines=scan.lines,
            bytes=self._bytes.length,
            digest=self._bytes.hexdigest(),
            endpoint=next(iter(endpoints)) if len(endpoints) == 1 else None,
            endpoints=MappingProxyType(endpoints),
            models=MappingProxyType(models),
            problems=tuple(problems[:MAX_PROBLEMS]),
            problem_count=len(whole) + scan.problem_count + duplicate_count,
            has_bom=self._bytes.head == BOM,
        )

    def _whole_file_problems(self) -> Iterator[LineProblem]:
        lines, size = self._scan.lines, self._bytes.length
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


def _check_without_index(chunks: Iterable[bytes], rules: _Rules) -> FileCheck | None:
    """``None`` if ids occur twice, or are too many to know."""
    ids = RememberedIds()
    check = _Pass(chunks, rules, ids)
    return check.result([], 0) if ids.all_differ else None


def _check_with_index(
    file: BinaryIO, index_path: Path, rules: _Rules, chunks: Iterable[bytes] | None = None
) -> FileCheck:
    """Of the file as it is, or of *chunks* that come to be its content."""
    file.seek(0)
    with LineIndexWriter(index_path) as writer:
        check = _Pass(blocks(file, PIECE) if chunks is None else chunks, rules, _IndexedIds(writer))
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


def _copy(source: Source, path: Path) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(source.chunks())
    except OSError as error:
        raise BatchyardError(f"cannot write a copy to be checked: {error.strerror}") from error
