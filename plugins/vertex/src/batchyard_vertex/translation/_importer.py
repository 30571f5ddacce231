"""What Vertex AI's importer does not take.

It loads a file as a table: one type for each path in the whole file, names that
a column may have, no nulls, no empty objects.  One line that breaks this fails
the whole job.  What we write keeps to it by construction; what has names or
values of the user's, which are schemas and the arguments of calls, is looked at
before the file is sent.  Native lines are the user's altogether.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from batchyard_vertex.translation._refusals import LineRefusedError

__all__ = ["Importer", "check_names", "loadable"]

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


def check_names(value: Any, path: str) -> None:
    """Raise :class:`LineRefusedError` for names or a depth that a table cannot have.

    *path* is where the value will stand in the line.
    """
    for below, _, depth in _walk(value, path, path.count(".") + 2):
        if depth > DEEPEST:
            raise _refused(f"is nested more than {DEEPEST} levels deep", below)


def loadable(value: Any) -> Any:
    """Without nulls, and without ``properties`` that are none: both say nothing."""
    if isinstance(value, dict):
        return {
            name: loadable(one)
            for name, one in value.items()
            if one is not None and not (name == "properties" and one == {})
        }
    return [loadable(one) for one in value if one is not None] if isinstance(value, list) else value


class Importer:
    """Remembers the types that the paths of one file have."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, int]] = {}

    def check(self, value: Any, path: str, number: int) -> None:
        """Raise :class:`LineRefusedError` for the first thing that would fail the import."""
        for below, one, depth in _walk(value, path, path.count(".") + 2 if path else 1):
            if depth > DEEPEST:
                raise _refused(f"is nested more than {DEEPEST} levels deep", below)
            kind = _KINDS.get(type(one))
            if kind is None or one == {}:
                raise _refused("is null or an empty object", below)
            known, first = self._kinds.setdefault(below, (kind, number))
            if known != kind:
                raise _refused(f"is {kind} here and {known} in line {first}", below)


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    if isinstance(value, dict):
        for name, one in value.items():
            below = f"{path}.{name}" if path else name
            if not _NAME.fullmatch(name):
                raise _refused("has a name other than of letters, digits and underscores", below)
            yield below, one, depth
            if depth <= DEEPEST:
                yield from _walk(one, below, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield f"{path}[]", one, depth - 1
            yield from _walk(one, f"{path}[]", depth)


def _refused(why: str, path: str) -> LineRefusedError:
    return LineRefusedError(
        f"Vertex AI cannot import this line: `{path[:300]}` {why}. Put requests that differ in "
        "their schemas into files of their own, or rename what has such a name.",
        "body",
        "import_conflict",
    )
