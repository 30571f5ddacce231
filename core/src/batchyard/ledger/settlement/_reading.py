"""One pass over the result files: what each row is, and what it used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from io import BytesIO
from itertools import accumulate, repeat
from typing import Any

import msgspec

from batchyard.ledger.settlement._plain import Shape, plain
from batchyard.ledger.settlement._rows import CODES, OK, RESULT, Sorter
from batchyard.ledger.settlement._sources import Sources, Strays
from batchyard.ledger.settlement._sums import JobSums
from batchyard.lines import (
    MAX_RESULT_LINE,
    PIECE,
    ResultLine,
    blocks,
    decode_result,
    hash_id,
    hash_ids,
    is_blank,
    lines_in,
    outcome_of,
    pieces,
)
from batchyard.models import Usage
from batchyard.steps import UsageShape, normalised

__all__ = ["Reading"]

log = logging.getLogger("batchyard.ledger")

_pack = RESULT.pack


AT_ONCE = 512
"""Lines whose usage is summed together, at least."""


class _Run:
    """Neighbouring lines of one shape, decoded."""

    def __init__(self, shape: Shape | None = None, start: int = 0) -> None:
        self.shape = shape
        self.start = start
        self.taken: list[Any] = []
        self.sizes: list[int] = []


class Reading:
    """Reads all rows of all sources into *rows*; a row that is malformed costs that row."""

    def __init__(
        self,
        usage_of: Callable[[ResultLine], Usage],
        sources: Sources,
        rows: Sorter,
        strays: Strays,
    ) -> None:
        self._everybodys = usage_of
        self._read_by(usage_of)
        self._reader_failed = False
        self._sources = sources
        self._rows = rows
        self._strays = strays

    def run(self) -> None:
        for job, sums, numbers in self._sources.of_jobs:
            self._read_by(job.usage_of or self._everybodys)
            for number in numbers:
                self._read(number, sums)
        if self._sources.refusals is not None:
            self._read_refusals(self._sources.refusals)

    def _read_by(self, usage_of: Callable[[ResultLine], Usage]) -> None:
        shapes: tuple[UsageShape, ...] = getattr(usage_of, "shapes", ())
        self._shapes = list(map(plain, shapes))
        self._usage_of = usage_of

    def _read(self, number: int, sums: JobSums) -> None:
        run = _Run()
        for offset, _, data in pieces(blocks(self._sources[number].file, PIECE), MAX_RESULT_LINE):
            if data is not None and data.endswith(b"\n"):
                lines = BytesIO(data).readlines()
                shape, taken = self._taken(lines)
            else:
                lines, shape, taken = [], None, []
            if shape is not run.shape or len(run.taken) >= AT_ONCE:
                self._finish(run, number, sums)
                run = _Run(shape, offset)
            if shape is not None:
                run.taken += taken
                run.sizes.extend(map(len, lines))
                continue
            if data is None:
                self._strays.unreadable(None)
                continue
            for place, _, line in lines_in(data, offset, MAX_RESULT_LINE):
                self._look_closely(line, place, number, sums)
        self._finish(run, number, sums)

    def _taken(self, lines: list[bytes]) -> tuple[Shape | None, list[Any]]:
        """The shape that all *lines* have, and the lines, decoded."""
        for place, shape in enumerate(self._shapes):
            taken = shape.take(lines)
            if taken is not None:
                # the lines of a file are alike
                self._shapes.insert(0, self._shapes.pop(place))
                return shape, taken
        return None, []

    def _finish(self, run: _Run, number: int, sums: JobSums) -> None:
        if run.shape is None:
            return
        answers = run.shape.answers(run.taken)
        if answers.agrees:
            sums.add_many(answers.models, answers.created, answers.counts)
        else:
            for usage in answers.usages():
                sums.add(normalised(usage))
        places = accumulate(run.sizes, initial=run.start)
        lengths = [size - 1 for size in run.sizes]
        hashes = hash_ids(answers.custom_ids)
        self._rows.extend(
            map(_pack, hashes, repeat(0), repeat(number), places, lengths, repeat(OK))
        )
        self._sources[number].add(len(lengths), len(lengths), sum(run.sizes))

    def _look_closely(self, data: bytes | None, offset: int, number: int, sums: JobSums) -> None:
        if data is None or is_blank(data):
            if data is None:
                self._strays.unreadable(None)
            return
        try:
            line = decode_result(data)
        except msgspec.DecodeError:
            self._strays.unreadable(data)
            return
        outcome = outcome_of(line)
        usage = self._usage(line)
        # an answer that cannot be used was made all the same
        if outcome == "ok" or 200 <= line.status_code < 300 or usage.total_tokens:
            sums.add(usage)
        self._add(line.custom_id, number, offset, len(data), CODES[outcome])

    def _add(self, custom_id: str, number: int, offset: int, length: int, code: int) -> None:
        hash_ = hash_id(custom_id)
        self._rows.extend((_pack(hash_, code != OK, number, offset, length, code),))
        self._sources[number].add(1, code == OK, length + 1)

    def _usage(self, line: ResultLine) -> Usage:
        try:
            return normalised(self._usage_of(line))
        except Exception:
            # the plugin boundary: what a reader cannot read is unknown, and costs one line
            if not self._reader_failed:
                self._reader_failed = True
                log.warning("the usage reader failed on %s", line.custom_id, exc_info=True)
            return Usage(known=False)

    def _read_refusals(self, number: int) -> None:
        for offset, _, data in pieces(blocks(self._sources[number].file, PIECE)):
            for place, length, line in lines_in(data or b"", offset):
                try:
                    custom_id = decode_result(line or b"").custom_id
                except msgspec.DecodeError:
                    self._strays.unreadable(line)
                else:
                    self._add(custom_id, number, place, length, CODES["refused"])
