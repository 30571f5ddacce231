"""From verdicts to result files, in the order of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import msgspec

from batchyard.ledger.settlement._absences import Absences
from batchyard.ledger.settlement._rows import (
    CODES,
    MALFORMED_INPUT,
    OK,
    REPEATED_INPUT,
    VERDICT,
    Verdict,
    columns_of,
)
from batchyard.ledger.settlement._sources import Source, Sources, read_at
from batchyard.ledger.settlement._writing import ResultFile
from batchyard.lines import (
    TWICE,
    UNREADABLE,
    ResultError,
    decode_result,
    result_without_response,
)
from batchyard.models import OUTCOMES, Outcome

__all__ = ["Verdicts", "whole_errors", "whole_output"]

BLOCK = 4096
"""Verdicts looked at together."""


def whole_output(sources: Sources) -> Source | None:
    """The downloaded file that has all the rows of successes, and nothing else, if one has."""
    having = [source for source in sources if source.ok]
    if len(having) != 1 or having[0].ok != having[0].rows or not having[0].whole:
        return None
    return having[0]


def whole_errors(sources: Sources, lines: int) -> Source | None:
    """Likewise of all other rows.  There is none unless each of the *lines* has a row."""
    having = [source for source in sources if source.rows > source.ok]
    rows = sum(source.rows - source.dropped for source in sources)
    if len(having) != 1 or having[0].ok or not having[0].whole or rows != lines:
        return None
    return None if sources.is_refusals(having[0]) else having[0]


class Verdicts:
    """Writes each line's row to one of two files, and counts the outcomes."""

    def __init__(
        self, sources: Sources, absences: Absences, output: ResultFile, errors: ResultFile
    ) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._sources = sources
        self._absences = absences
        self._output = output
        self._errors = errors

    def write(self, verdicts: Iterator[bytes], file: BinaryIO | None) -> None:
        """*file* is the input, whose lines without a row are looked up."""
        number = 1
        while block := list(islice(verdicts, BLOCK)):
            _, failed, _, offsets, lengths, _ = columns_of(block)
            if self._output.linked is not None and not any(failed):
                following = range(number, number + len(block))
                self._output.add_linked(following, offsets, lengths, OK)
                self.outcomes["ok"] += len(block)
            else:
                for place, verdict in enumerate(block, number):
                    self._write(place, Verdict._make(VERDICT.unpack(verdict)), file)
            number += len(block)

    def _write(self, number: int, verdict: Verdict, file: BinaryIO | None) -> None:
        if verdict.source >= MALFORMED_INPUT:
            outcome, row = self._without_row(verdict, file)
            self._errors.add_made(number, row, CODES[outcome])
        else:
            outcome = OUTCOMES[verdict.code]
            source = self._sources[verdict.source]
            place = (verdict.offset, verdict.length)
            if outcome == "refused":
                self._errors.add_made(number, _refused(source.read(*place)), verdict.code)
            else:
                target = self._output if outcome == "ok" else self._errors
                target.add(number, source, place, verdict.code)
        self.outcomes[outcome] += 1

    def _without_row(self, verdict: Verdict, file: BinaryIO | None) -> tuple[Outcome, bytes]:
        if verdict.source == MALFORMED_INPUT or file is None:
            return "error", result_without_response(None, UNREADABLE)
        data = read_at(file.fileno(), verdict.offset, verdict.length)
        custom_id = decode_result(data).custom_id
        if verdict.source == REPEATED_INPUT:
            return "missing", result_without_response(custom_id, TWICE)
        outcome, reason = self._absences.of(custom_id)
        return outcome, result_without_response(custom_id, reason)


class _Refusal(msgspec.Struct):
    custom_id: str
    code: str | None = None
    message: str | None = None
    param: str | None = None


_decode_refusal = msgspec.json.Decoder(_Refusal).decode


def _refused(data: bytes) -> bytes:
    """The row of a line that a gate refused, from what was noted of it."""
    refusal = _decode_refusal(data)
    message = refusal.message or "A gate refused the line."
    reason = ResultError(refusal.code or "refused", message, 0)
    return result_without_response(refusal.custom_id, reason, refusal.param)
