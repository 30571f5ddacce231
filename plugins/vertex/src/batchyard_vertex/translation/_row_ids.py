"""Ids of rows, and the map from them to what the user called the lines."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchyard.errors import MalformedReplyError

__all__ = ["Entry", "RowIds", "row_id", "row_number"]

_ROW = re.compile(r"by-(\d{1,9})")


def row_id(number: int) -> str:
    """The id of the request with that number, from 1.

    It is a label's value, so it is short and has small letters only, and it looks
    like a text: the importer makes a number of ``000001``.
    """
    return f"by-{number}"


def row_number(text: Any) -> int | None:
    found = _ROW.fullmatch(text) if isinstance(text, str) else None
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the map: the user's id and, if the line was left out, why."""

    custom_id: str
    error: dict[str, Any] | None = None

    def encoded(self) -> bytes:
        value = self.custom_id if self.error is None else [self.custom_id, self.error]
        return json.dumps(value).encode() + b"\n"


class RowIds:
    """The map of one file, in about the memory that it takes on disk."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = array("Q", [0])
        end = data.find(b"\n")
        while end >= 0:
            self._starts.append(end + 1)
            end = data.find(b"\n", end + 1)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def entry(self, number: int) -> Entry | None:
        """What the request with that number, from 1, was called."""
        if not 1 <= number <= len(self):
            return None
        return _entry(self._data[self._starts[number - 1] : self._starts[number]])

    def entries(self) -> Iterator[tuple[int, Entry]]:
        for number in range(1, len(self) + 1):
            yield number, _entry(self._data[self._starts[number - 1] : self._starts[number]])


def _entry(line: bytes) -> Entry:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if isinstance(value, str):
        return Entry(value)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return Entry(value[0], value[1] if isinstance(value[1], dict) else {})
    raise MalformedReplyError("the map of ids in the bucket is damaged")
