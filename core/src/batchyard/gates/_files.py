"""A whole file on its way through the gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeAlias

import msgspec

from batchyard.errors import SourceError
from batchyard.gates._chain import GateChain
from batchyard.gates._report import Tally
from batchyard.hookspecs import GateLine, Verdict
from batchyard.lines import decode_input, split
from batchyard.sources import Source

__all__ = ["Passed", "Refusal", "pass_file"]

CHUNK_LINES = 500
"""Lines that gates are shown at a time, at most."""

CHUNK_BYTES = 1024 * 1024
"""Bytes of them, but for the last, which may be long."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that is left out.  ``line`` counts from 1, blank ones too."""

    line: int
    custom_id: str
    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """How many lines are to be sent, how many were refused, and whether anything changed at all."""

    lines: int
    refused: int
    changed: bool


def pass_file(
    source: Source,
    gates: GateChain,
    begin: Callable[[], IO[bytes]],
    refuse: Callable[[Refusal], object],
    tally: Tally | None = None,
) -> Passed:
    """Show a file that was checked to the gates, and write what is to be sent of it.

    *begin* is called when something turns out to be different (a line that is
    refused or rewritten, a byte order mark, which is not sent) and opens what is
    then written; a file of which nothing changes is never copied.  *tally*
    counts what the gates made of it.
    """
    counted = tally or Tally()
    passage = _Passage(source, begin, refuse)
    for chunk in _chunks(passage.lines()):
        lines = [line for _, line in chunk]
        verdicts = gates.check_lines(lines, partial(counted.take, lines))
        counted.rewritten += sum(one.action == "rewrite" for one in verdicts)
        for (offset, line), verdict in zip(chunk, verdicts, strict=True):
            passage.take(offset, line, verdict)
    return Passed(passage.kept, passage.refused, passage.sent is not None)


_Placed: TypeAlias = tuple[int, GateLine]
"""A line with its offset in bytes."""


class _Passage:
    """What becomes of the lines, one after the other."""

    def __init__(
        self, source: Source, begin: Callable[[], IO[bytes]], refuse: Callable[[Refusal], object]
    ) -> None:
        self._source = source
        self._open = begin
        self._refuse = refuse
        self._start = 0
        self.sent: IO[bytes] | None = None
        self.kept = 0
        self.refused = 0

    def lines(self) -> Iterator[_Placed]:
        """The lines that are requests."""
        for number, (offset, _, data) in enumerate(split(self._source.chunks()), 1):
            if number == 1 and offset:
                # a byte order mark is before it
                self._start = offset
                self._begin(offset)
            if data is None or data.strip():
                yield offset, _gate_line(number, data)

    def take(self, offset: int, line: GateLine, verdict: Verdict) -> None:
        if verdict.action != "keep":
            self._begin(offset)
        if verdict.action == "refuse":
            self.refused += 1
            self._refuse(_refusal(line, verdict))
            return
        self.kept += 1
        if self.sent is not None:
            self.sent.write(line.data if verdict.data is None else verdict.data)
            self.sent.write(b"\n")

    def _begin(self, offset: int) -> None:
        """Open what is sent, and copy what comes before *offset*, unless that has been done."""
        if self.sent is None:
            self.sent = self._open()
            self.sent.writelines(_between(self._source, self._start, offset))


def _between(source: Source, start: int, end: int) -> Iterator[bytes]:
    position = 0
    for chunk in source.chunks():
        yield chunk[max(0, start - position) : max(0, end - position)]
        position += len(chunk)
        if position >= end:
            return


def _chunks(lines: Iterator[_Placed]) -> Iterator[list[_Placed]]:
    chunk: list[_Placed] = []
    size = 0
    for placed in lines:
        chunk.append(placed)
        size += len(placed[1].data)
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _gate_line(number: int, data: bytes | None) -> GateLine:
    try:
        # a line too long to be held was found when the file was checked
        return GateLine(number, decode_input(data or b"").custom_id, data or b"")
    except msgspec.DecodeError as error:
        raise SourceError(f"line {number} changed after it was checked") from error


def _refusal(line: GateLine, verdict: Verdict) -> Refusal:
    return Refusal(
        line.line, line.custom_id, verdict.code or "", verdict.message or "", verdict.param
    )
