"""The files that rows are read from, and the rows that go to nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from batchyard.errors import InputError, SourceError
from batchyard.ledger.settlement._rows import MALFORMED_INPUT, RESULT
from batchyard.ledger.settlement._sums import JobSums
from batchyard.ledger.settlement._task import JobFiles, SettleTask
from batchyard.lines import ResultLine, decode_result, open_regular

__all__ = ["Source", "Sources", "Strays", "read_at"]


class Source:
    """One file of rows.  ``rows`` and ``ok`` count those that stand for a line."""

    def __init__(self, path: Path, scope: ExitStack) -> None:
        self.path = path
        self.file: BinaryIO = scope.enter_context(open_regular(path))
        self.size = os.fstat(self.file.fileno()).st_size
        self.rows = 0
        self.ok = 0
        self.bytes = 0
        """Of all rows, each with one byte for its end."""
        self.dropped = 0
        """Rows that stand for no line after all."""

    def add(self, rows: int, ok: int, size: int) -> None:
        self.rows += rows
        self.ok += ok
        self.bytes += size

    @property
    def whole(self) -> bool:
        """Whether the file is its rows and nothing else."""
        return self.bytes == self.size and not self.dropped

    def read(self, offset: int, length: int) -> bytes:
        return read_at(self.file.fileno(), offset, length)

    def row(self, offset: int, length: int) -> ResultLine:
        return decode_result(self.read(offset, length))


class Sources:
    """All files of a task, numbered; the refusals are the last, if there are any."""

    def __init__(self, task: SettleTask, scope: ExitStack) -> None:
        self._all: list[Source] = []
        self.of_jobs: list[tuple[JobFiles, JobSums, list[int]]] = []
        for job in task.jobs:
            numbers = [self._add(path, scope) for path in job.results]
            self.of_jobs.append((job, JobSums(job), numbers))
        self.refusals = None if task.refusals is None else self._add(task.refusals, scope)

    def __getitem__(self, number: int) -> Source:
        return self._all[number]

    def __iter__(self) -> Iterator[Source]:
        return iter(self._all)

    def is_refusals(self, source: Source) -> bool:
        return self.refusals is not None and source is self._all[self.refusals]

    def _add(self, path: Path, scope: ExitStack) -> int:
        if len(self._all) == MALFORMED_INPUT:
            raise InputError(f"a batch can have {MALFORMED_INPUT} result files, and this has more")
        self._all.append(Source(path, scope))
        return len(self._all) - 1


class Strays:
    """Rows that go to nobody: counted, and kept if the task says where."""

    def __init__(self, path: Path | None, sources: Sources, scope: ExitStack) -> None:
        self._file = None if path is None else scope.enter_context(path.open("wb"))
        self._sources = sources
        self.duplicates = self.strangers = self.malformed = 0

    def unreadable(self, data: bytes | None) -> None:
        """A row that cannot be read; ``None`` is one that is too long to be kept."""
        self.malformed += 1
        if self._file is not None and data is not None:
            self._file.write(data + b"\n")

    def duplicate(self, row: bytes) -> None:
        self.duplicates += 1
        self._drop(row)

    def stranger(self, row: bytes) -> None:
        self.strangers += 1
        self._drop(row)

    def _drop(self, row: bytes) -> None:
        _, _, number, offset, length, _ = RESULT.unpack(row)
        source = self._sources[number]
        source.dropped += 1
        if self._file is not None:
            self._file.write(source.read(offset, length) + b"\n")


def read_at(handle: int, offset: int, length: int) -> bytes:
    """Raises :class:`SourceError` where the file has become shorter."""
    data = os.pread(handle, length, offset)
    while len(data) < length:
        more = os.pread(handle, length - len(data), offset + len(data))
        if not more:
            raise SourceError("a result file became shorter while it was read")
        data += more
    return data
