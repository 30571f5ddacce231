"""Progress of a batch: a bar on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from batchyard.models import Batch

__all__ = ["progress"]

Show = Callable[[Batch], None]


@contextmanager
def progress(total: int, *, quiet: bool = False) -> Iterator[Show]:
    """A function to call with each observation of the batch; *total* is how many lines it has."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total) as show:
            yield show
    else:
        yield _lines(total)


def _done(batch: Batch) -> int:
    counts = batch.request_counts
    return counts.completed + counts.failed if counts else 0


@contextmanager
def _bar(total: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("waiting", total=total)

        def show(batch: Batch) -> None:
            bar.update(task, description=batch.status, completed=min(_done(batch), total))

        yield show


def _lines(total: int) -> Show:
    last: list[tuple[str, int]] = []

    def show(batch: Batch) -> None:
        state = (batch.status, _done(batch))
        if [state] != last:
            last[:] = [state]
            click.echo(f"{batch.status}: {state[1]} of {total} done", err=True)

    return show
