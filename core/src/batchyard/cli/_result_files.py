"""The two files that a run writes: what was answered, and what was not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from batchyard.client import Result
from batchyard.errors import InputError

__all__ = ["ResultFiles", "distinct", "writable"]


class ResultFiles:
    """Writes results by outcome.  Both files take their names only when they are whole."""

    def __init__(self, results: IO[bytes], errors: IO[bytes]) -> None:
        self._results = results
        self._errors = errors

    def write(self, result: Result) -> None:
        file = self._results if result.ok else self._errors
        file.write(result.result_line() + b"\n")

    @classmethod
    @contextmanager
    def open(cls, results: Path, errors: Path) -> Iterator[ResultFiles]:
        """Both files; on an exception neither is left, and what was there before stays."""
        with ExitStack() as scope:
            pair = [scope.enter_context(_part(path)) for path in (results, errors)]
            yield cls(*pair)


def writable(path: Path) -> None:
    """Raise :class:`InputError` now rather than when the batch has been paid for."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: no permission to write in {path.parent}")


def distinct(*paths: Path) -> None:
    """Refuse to write two files to one place, or over the file that is read."""
    places = [path.resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{path} is named twice: input, results and errors are three files")


@contextmanager
def _part(path: Path) -> Iterator[IO[bytes]]:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
