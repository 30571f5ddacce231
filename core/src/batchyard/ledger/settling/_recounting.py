"""What finished result files say was used, counted as the settlement counted it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from batchyard.ledger.settlement import FilePaths, JobFiles, SettleTask, settle
from batchyard.lines import ResultLine
from batchyard.models import Usage
from batchyard.prices import UsageRow

__all__ = ["recounted"]


def recounted(
    files: Sequence[Path], models: tuple[str, ...], usage_of: Callable[[ResultLine], Usage]
) -> list[UsageRow]:
    """Rows to be priced, of a batch's output and error files.  It blocks.

    ``models`` are those that the lines asked for, where they are known.
    """
    with tempfile.TemporaryDirectory(prefix="batchyard-") as name:
        folder = Path(name)
        task = SettleTask(
            usage_of=usage_of,
            jobs=(JobFiles("all", models, results=tuple(files)),),
            output=FilePaths(folder / "output", folder / "output.offsets"),
            errors=FilePaths(folder / "errors", folder / "errors.offsets"),
            scratch=folder,
        )
        usages = settle(task).usages
    requested = models[0] if len(models) == 1 else None
    return [
        UsageRow(
            key.model,
            requested,
            key.bucket,
            key.day,
            found.lines,
            found.unknown_lines,
            found.usage,
        )
        for key, found in usages.items()
    ]
