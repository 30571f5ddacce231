"""The importer, strict: one type a path in the whole file, legal names, nothing empty."""

from __future__ import annotations

import json
import re
from typing import Any

from batchyard.emulators import Blob
from batchyard_vertex.emulator._models import Kind

__all__ = ["ImportFailedError", "Imported", "imported"]

_DEEPEST = 15
_COLUMN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_ADVICE = (
    "Failed to import data. Please check 'Prepare input' section in the batch prediction "
    "documentation to make sure your input is in the right format"
)


_MEMBERS: dict[Kind, tuple[str, type]] = {
    Kind.LEGACY_EMBEDDING: ("content", str),
    Kind.OPEN: ("body", dict),
}


class ImportFailedError(Exception):
    """The whole job fails, with code 3."""


Imported = list[dict[str, Any]]


def imported(blob: Blob, kind: Kind = Kind.GEMINI, *, strict: bool = True) -> Imported:
    """The rows of a file, for a model of that kind."""
    rows: Imported = []
    types: dict[tuple[str, ...], str] = {}
    with blob.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _failed(number, "it is not JSON") from error
            _check_kind(row, kind, number)
            if strict:
                _load(row, (), types, number)
            rows.append(row)
    if not rows:
        raise _failed(0, "it is empty")
    return rows


def _check_kind(row: Any, kind: Kind, number: int) -> None:
    name, form = _MEMBERS.get(kind, ("request", dict))
    if not isinstance(row, dict) or not isinstance(row.get(name), form):
        raise _failed(number, f"it has no {name}")


def _load(value: Any, path: tuple[str, ...], types: dict[tuple[str, ...], str], at: int) -> None:
    where = ".".join(path) or "the row"
    if sum(step != "[]" for step in path) > _DEEPEST:
        raise _failed(at, f"{where} is nested too deeply")
    if value is None:
        raise _failed(at, f"{where} is null")
    kind = "number" if type(value) in {int, float} else type(value).__name__
    if types.setdefault(path, kind) != kind:
        raise _failed(at, f"{where} is of type {kind} and was of type {types[path]}")
    if isinstance(value, dict):
        if not value:
            raise _failed(at, f"{where} is an empty object")
        for name, one in value.items():
            if not _COLUMN.match(name):
                raise _failed(at, f"{name} is no name of a column, in {where}")
            _load(one, (*path, name), types, at)
    elif isinstance(value, list):
        for one in value:
            _load(one, (*path, "[]"), types, at)


def _failed(line: int, why: str) -> ImportFailedError:
    return ImportFailedError(f"{_ADVICE} (line {line}: {why}).")
