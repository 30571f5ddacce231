from __future__ import annotations

from collections.abc import Iterator

from batchyard.emulators._quirks import Quirk, Quirks

KNOWN_QUIRKS = (
    Quirk("late-batch", "a batch answers 404 to its first reads after it was created"),
    Quirk("late-output-file", "the first reads of an ended batch lack its file ids", 2),
    Quirk("empty-string-file-ids", 'an absent output or error file is "" instead of null'),
    Quirk("cancel-ends-completed", "every cancel comes too late: the batch completes"),
    Quirk("no-range", "Range headers on file contents are ignored"),
    Quirk("flaky-rows", "this share of the rows is answered 429 or 500", 0.1),
    Quirk("zero-status-rows", "so many rows have status 0 and no body, and count as completed"),
    Quirk("blank-rows", "so many rows have neither a response nor an error"),
    Quirk("missing-rows", "so many rows are in neither file, and count as completed"),
    Quirk("duplicated-rows", "so many rows are in the output file twice"),
    Quirk("malformed-line", "so many lines of the output file are cut in the middle"),
    Quirk("stranger-row", "the output file has a row that nobody asked for"),
)

_COUNTED = ("zero-status-rows", "blank-rows", "missing-rows", "duplicated-rows", "malformed-line")


class RowQuirks:
    """Which quirk befalls the row at a position, in the order of execution."""

    def __init__(self, quirks: Quirks) -> None:
        self._counted = [name for name in _COUNTED for _ in range(int(quirks.value(name)))]
        share = quirks.value("flaky-rows")
        self._every = max(1, round(1 / share)) if share > 0 else 0

    def at(self, position: int) -> str | None:
        if position < len(self._counted):
            return self._counted[position]
        if self._every and (position - len(self._counted)) % self._every == 0:
            return "flaky-rows"
        return None

    def spoiled(self, quirk: str | None, row: str) -> Iterator[str]:
        """What is written in place of a good output row."""
        if quirk == "malformed-line":
            yield row[: len(row) // 2] + "\n"
        elif quirk != "missing-rows":
            yield row
        if quirk == "duplicated-rows":
            yield row
