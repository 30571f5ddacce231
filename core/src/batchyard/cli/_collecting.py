"""Reading a batch's results, and putting them where they are wanted."""

from __future__ import annotations

import sys
from pathlib import Path

from batchyard.cli._output import note
from batchyard.cli._result_files import ResultFiles
from batchyard.cli._summary import Summary
from batchyard.client import Results
from batchyard.errors import InputError

__all__ = ["collect", "to_stdout"]


def collect(found: Results, results: Path, errors: Path) -> Summary:
    """Write both files, whole or not at all."""
    with ResultFiles.open(results, errors) as files:
        for result in found:
            files.write(result)
    return _summary(found, results, errors)


def to_stdout(found: Results) -> bool:
    """Every line, answered or not; whether the batch is completed and no line lacks."""
    stream = sys.stdout.buffer
    for result in found:
        stream.write(result.result_line() + b"\n")
    stream.flush()
    summary = _summary(found, Path("-"), Path("-"))
    note(f"{summary.batch.status}: {summary.completeness}")
    return summary.whole


def _summary(found: Results, results: Path, errors: Path) -> Summary:
    if found.batch is None or found.completeness is None:
        raise InputError("the results ended early")
    return Summary(found.batch, found.completeness, results, errors)
