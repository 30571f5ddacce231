"""What became of lines that have no row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from batchyard.ledger.settlement._task import JobFiles, SettleTask
from batchyard.lines import (
    MAX_RESULT_LINE,
    NEVER_RUN,
    NO_RESULT,
    LineIndex,
    ResultError,
    blocks,
    decode_result,
    open_regular,
    refusal_of,
    split,
)
from batchyard.models import BatchError, Outcome

__all__ = ["Absences"]

_LIKELIEST = {"completed": 0, "expired": 1, "failed": 2, "cancelled": 3}
"""Of several jobs that had the line, the one that may still have run it says what became of it."""


class Absences:
    """Knows, for a line without a row, which of the jobs that carried it says why."""

    def __init__(self, task: SettleTask, scope: ExitStack) -> None:
        jobs = sorted(task.jobs, key=lambda job: _LIKELIEST.get(job.outcome_of_absent, 0))
        self._jobs = [_Carrier(job, task.input, scope) for job in jobs]

    def of(self, custom_id: str) -> tuple[Outcome, ResultError]:
        for job in self._jobs:
            if job.carries(custom_id):
                return job.of(custom_id)
        return "missing", NO_RESULT


class _Carrier:
    def __init__(self, job: JobFiles, whole: Path | None, scope: ExitStack) -> None:
        self._job = job
        self._index = None if job.index is None else scope.enter_context(LineIndex.open(job.index))
        self._refused: dict[str, BatchError] = {}
        path = job.sent or whole
        if job.outcome_of_absent == "failed" and path is not None:
            self._refused = dict(_refused_lines(job, path))

    def carries(self, custom_id: str) -> bool:
        return self._index is None or bool(self._index.find(custom_id))

    def of(self, custom_id: str) -> tuple[Outcome, ResultError]:
        status = self._job.outcome_of_absent
        if status == "failed":
            return "error", refusal_of(self._refused.get(custom_id), self._job.errors)
        return NEVER_RUN.get(status, ("missing", NO_RESULT))


def _refused_lines(job: JobFiles, path: Path) -> Iterator[tuple[str, BatchError]]:
    """What the job's errors say of single lines, by the ids of these."""
    errors = {error.line: error for error in reversed(job.errors) if error.line}
    if not errors:
        return
    last = max(errors)
    with open_regular(path) as file:
        for number, (_, _, data) in enumerate(split(blocks(file), MAX_RESULT_LINE), 1):
            if number in errors and data:
                try:
                    yield decode_result(data).custom_id, errors[number]
                except msgspec.DecodeError:
                    # the line without an id is told of as such
                    continue
            if number >= last:
                return
