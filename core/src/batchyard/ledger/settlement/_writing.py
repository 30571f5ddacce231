"""Writing the result files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from batchyard.ledger.settlement._offsets import MADE, OffsetsWriter
from batchyard.ledger.settlement._sources import Source
from batchyard.ledger.settlement._task import FilePaths, Written

__all__ = ["ResultFile"]

WRITE = 256 * 1024
"""Bytes written together, and copied together."""


class ResultFile:
    """One result file and its index.  Rows are added in the order of the input.

    Where all that it is to hold is one downloaded file, it *is* that file, and
    only the index is written: ``linked``.  Neither is there without a row.
    """

    def __init__(self, paths: FilePaths, linked: Source | None, scope: ExitStack) -> None:
        self.linked = linked
        self._paths = paths
        self._scope = scope
        self._opened: OffsetsWriter | None = None
        # rows that lie side by side are copied as one
        self._from: Source | None = None
        self._start = self._end = 0

    def add_linked(
        self, numbers: Iterable[int], offsets: Sequence[int], lengths: Sequence[int], code: int
    ) -> None:
        """Many rows of the linked file."""
        self._offsets().add_all(numbers, offsets, lengths, code)

    def add(self, number: int, source: Source, place: tuple[int, int], code: int) -> None:
        """A row of a downloaded file, byte for byte."""
        offset, length = place
        offsets = self._offsets()
        if self.linked is not None:
            offsets.add(number, offset, length, code)
            return
        offsets.add(number, offsets.bytes, length, code)
        if source is not self._from or offset != self._end:
            self._copy()
            self._from, self._start = source, offset
        self._end = offset + length + 1

    def add_made(self, number: int, data: bytes, code: int) -> None:
        """A row that no downloaded file has."""
        self._copy()
        offsets = self._offsets()
        offsets.add(number, offsets.bytes, len(data), code | MADE)
        self._content.write(data + b"\n")

    def finish(self) -> Written:
        self._copy()
        offsets = self._opened
        if offsets is None:
            return Written(0, 0)
        offsets.finish()
        self._offsets_file.flush()
        if self.linked is None:
            self._content.flush()
        return Written(offsets.bytes, offsets.count)

    def _offsets(self) -> OffsetsWriter:
        """The index; with the first row both files are made."""
        if self._opened is None:
            if self.linked is not None:
                _link(self.linked.path, self._paths.content)
            else:
                self._content = self._open(self._paths.content)
            self._offsets_file = self._open(self._paths.offsets)
            self._opened = OffsetsWriter(self._offsets_file)
        return self._opened

    def _open(self, path: Path) -> BinaryIO:
        return self._scope.enter_context(path.open("wb", buffering=WRITE))

    def _copy(self) -> None:
        source, self._from = self._from, None
        if source is None:
            return
        # the last line of a file may have no end
        end = self._end - 1
        for start in range(self._start, end, WRITE):
            self._content.write(source.read(start, min(WRITE, end - start)))
        self._content.write(b"\n")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # another disk, or one that knows no links
        shutil.copyfile(source, target)
