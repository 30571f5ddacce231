"""A process that settles 100,000 odd lines, and tells by how many megabytes it grew."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from batchyard.ledger.settlement import settle
from tests.settlement.files import Desk, answer, not_run, request

LINES = 100_000


def rows(count: int) -> Iterator[bytes]:
    for number in reversed(range(count)):
        match number % 50:
            case 0:
                yield b"{"
            case 1:
                yield answer(f"stranger-{number}")
            case 2:
                yield not_run(f"r-{number}")
            case 3:
                yield from [answer(f"r-{number}")] * 2
            case _:
                yield answer(f"r-{number}", text="x" * 200)


def run(folder: Path, count: int) -> int:
    desk = Desk(folder)
    source, output = folder / "input", folder / "output"
    with source.open("wb") as file:
        file.writelines(request(f"r-{number}") + b"\n" for number in range(count))
    with output.open("wb") as file:
        file.writelines(one + b"\n" for one in rows(count))
    task = desk.task([], desk.job())
    job = replace(task.jobs[0], results=(output,))
    settled = settle(replace(task, input=source, index=None, jobs=(job,)))
    return settled.proof.lines or 0


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small").mkdir()
        run(folder / "small", 1000)
        before = peak()
        print(run(folder, LINES), peak() - before)  # noqa: T201
