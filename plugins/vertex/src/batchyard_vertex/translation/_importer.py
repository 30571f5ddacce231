"""What Vertex AI's importer does not take.

It loads a file as a table: one type for each path in the whole file, names that
a column may have, no nulls, no empty objects.  One line that breaks this fails
the whole job, so it is found before the file is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from batchyard_vertex.translation._refusals import LineRefusedError

__all__ = ["Importer"]

DEEPEST = 15
"""Levels of objects in one another."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "an object",
    list: "an array",
}


class Importer:
    """Looks at the lines of one file."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, int]] = {}

    def check(self, line: dict[str, Any], number: int) -> None:
        """Raise :class:`LineRefusedError` for the first thing that would fail the import."""
        for path, value, depth in _walk(line, "", 1):
            if depth > DEEPEST:
                raise _refused(f"is nested more than {DEEPEST} levels deep", path)
            kind = _KINDS.get(type(value))
            if kind is None or value == {}:
                raise _refused("is null or an empty object", path)
            known, first = self._kinds.setdefault(path, (kind, number))
            if known != kind:
                raise _refused(f"is {kind} here and {known} in line {first}", path)


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    if isinstance(value, dict):
        for name, one in value.items():
            below = f"{path}.{name}" if path else name
            if not _NAME.fullmatch(name):
                raise _refused("has a name other than of letters, digits and underscores", below)
            yield below, one, depth
            yield from _walk(one, below, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield f"{path}[]", one, depth
            yield from _walk(one, f"{path}[]", depth)


def _refused(why: str, path: str) -> LineRefusedError:
    return LineRefusedError(
        f"Vertex AI cannot import this line: `{path[:300]}` {why}. Put requests that differ in "
        "their schemas into files of their own, or rename what has such a name.",
        "body",
        "import_conflict",
    )
