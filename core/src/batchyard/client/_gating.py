"""Gates where nothing is kept: a file passes them before it is uploaded, or it is not."""

from __future__ import annotations

import tempfile
import weakref
from typing import IO

from batchyard.errors import InvalidLinesError, LineProblem
from batchyard.gates import GateChain, Refusal, pass_file
from batchyard.sources import Source
from batchyard.steps import FileSource

__all__ = ["passed"]

MOST = 1000
"""Refusals that are told in detail."""


def passed(source: Source, gates: GateChain) -> Source:
    """What is to be sent of a file that was checked: *source* itself, if nothing changes.

    There is nowhere to keep a line that is left out, so one that is refused
    refuses the file: raises :class:`InvalidLinesError` with all of them.
    """
    sent = _Sent()
    result = pass_file(source, gates, sent.begin, sent.refuse)
    if result.refused:
        raise InvalidLinesError(sent.problems, result.refused)
    return sent.source() if result.changed else source


class _Sent:
    """A temporary file that goes when nothing refers to what is in it any more."""

    def __init__(self) -> None:
        self.problems: list[LineProblem] = []
        self._file: IO[bytes] | None = None

    def begin(self) -> IO[bytes]:
        self._file = tempfile.TemporaryFile(prefix="batchyard-")  # noqa: SIM115 - its source owns it
        weakref.finalize(self, self._file.close)
        return self._file

    def refuse(self, refusal: Refusal) -> None:
        if len(self.problems) < MOST:
            problem = LineProblem(refusal.line, refusal.code, refusal.message, refusal.param)
            self.problems.append(problem)

    def source(self) -> Source:
        """What was written, as a body."""
        assert self._file is not None  # noqa: S101 - it is asked for only where something was
        self._file.seek(0)
        return _Kept(self._file, self)


class _Kept(FileSource):
    def __init__(self, file: IO[bytes], owner: _Sent) -> None:
        super().__init__(file)
        self._owner = owner
