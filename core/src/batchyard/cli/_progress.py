"""Progress: a bar on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batchyard.cli._output import note
from batchyard.models import Batch

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["download", "progress"]

Show = Callable[[Batch], None]


@contextmanager
def progress(total: int | None = None, *, quiet: bool = False) -> Iterator[Show]:
    """A function to call with each observation of the batch; *total* is how many lines it has."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total) as show:
            yield show
    else:
        yield _lines(total)


@contextmanager
def download(
    total: int | None, *, quiet: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with the bytes so far; there is a bar on a terminal, and nothing else."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=_console()) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, _: bar.update(task, completed=done)


def _counts(batch: Batch, total: int | None) -> tuple[int, int | None]:
    """How many lines are done, of how many."""
    counts = batch.request_counts
    if counts is None:
        return 0, total
    return counts.completed + counts.failed, total or counts.total or None


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def _bar(lines: int | None) -> Iterator[Show]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console()) as bar:
        task = bar.add_task("waiting", total=lines)

        def show(batch: Batch) -> None:
            done, total = _counts(batch, lines)
            most = done if total is None else min(done, total)
            bar.update(task, description=batch.status, completed=most, total=total)

        yield show


def _lines(lines: int | None) -> Show:
    last: list[tuple[str, int]] = []

    def show(batch: Batch) -> None:
        done, total = _counts(batch, lines)
        if [(batch.status, done)] != last:
            last[:] = [(batch.status, done)]
            note(f"{batch.status}: {done} of {'?' if total is None else total} done")

    return show
