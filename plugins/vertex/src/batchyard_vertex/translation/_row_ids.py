"""Ids of rows, and the map from them to what the user called the lines.

The map's first line tells what the lines were.  The others have the id of a
line each, what its requests are known by, and what else is to be remembered.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from batchyard.errors import MalformedReplyError

__all__ = ["Entry", "Head", "Place", "RowIds", "entry_of", "part_id", "place_of", "row_id"]

_ROW = re.compile(r"by-(\d{1,9})(?:-(\d{1,6}))?")

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_decode_plain = msgspec.json.Decoder(tuple[str, str]).decode


class Place(NamedTuple):
    """Whose a row is: the number of the line, from 1, and which of its requests, from 0."""

    number: int
    part: int = 0


def row_id(number: int) -> str:
    """The id of a line's request.

    It is a label's value, so it is short and has small letters only, and it looks
    like a text: the importer makes a number of ``000001``.
    """
    return f"by-{number}"


def part_id(row: str, part: int) -> str:
    """Of one of several."""
    return f"{row}-{part}"


def place_of(text: Any) -> Place | None:
    found = _ROW.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    number, part = found.groups()
    return Place(int(number), int(part) if part else 0)


@dataclass(frozen=True, slots=True)
class Head:
    """What all lines of a file have in common.

    ``dialect`` is how they were written, ``model`` what they ask for.
    """

    dialect: str = "gemini"
    model: str = ""

    def encoded(self) -> bytes:
        return _encode({"dialect": self.dialect, "model": self.model}) + b"\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the map: the user's id, and what is to be remembered of the line.

    ``digests`` has one for each of its requests.  ``about`` has ``error`` if the
    line was left out, and why.
    """

    custom_id: str
    digests: tuple[bytes, ...] = ()
    about: Mapping[str, Any] | None = None

    @property
    def error(self) -> dict[str, Any] | None:
        error = (self.about or {}).get("error")
        return error if isinstance(error, dict) else None

    def encoded(self) -> bytes:
        known = b"".join(self.digests).hex()
        value = [self.custom_id, known, *([self.about] if self.about else [])]
        return _encode(value) + b"\n"


def entry_of(custom_id: str, digest: bytes) -> bytes:
    """The map's line of a line with one request and nothing to remember: most are such."""
    return b'[%b,"%b"]\n' % (_encode(custom_id), digest.hex().encode())


class RowIds:
    """The map of one file, in about the memory that it takes on disk."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known: dict[bytes, _Same] | None = None
        end = data.find(b"\n") + 1 if data[:1] == b"{" else 0
        self.head = _head(data[:end]) if end else Head()
        self._starts = array("Q", [end])
        end = data.find(b"\n", end)
        while end >= 0:
            self._starts.append(end + 1)
            end = data.find(b"\n", end + 1)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def entry(self, number: int) -> Entry | None:
        """What the line with that number, from 1, was called."""
        if not 1 <= number <= len(self):
            return None
        return _entry(self._data[self._starts[number - 1] : self._starts[number]])

    def custom_id(self, number: int) -> str | None:
        """The user's id alone, which is what most rows need."""
        if not 1 <= number < len(self._starts):
            return None
        line = self._data[self._starts[number - 1] : self._starts[number]]
        try:
            return _decode_plain(line)[0]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _entry(line).custom_id

    def entries(self) -> Iterator[tuple[int, Entry]]:
        for number in range(1, len(self) + 1):
            yield number, _entry(self._data[self._starts[number - 1] : self._starts[number]])

    def take(self, digest: bytes, *, good: bool) -> Place | None:
        """Whose a request with that digest is; of lines that are the same, each once.

        The good ones among them are taken to be the first, and the failures the last:
        the output and the error file are read one after the other, and maybe in
        another order, and must agree on whose is which.
        The map by digests is made when it is first needed: services echo ids.
        """
        if self._known is None:
            self._known = {}
            for number, entry in self.entries():
                for part, one in enumerate(entry.digests):
                    self._known.setdefault(one, _Same()).places.append(Place(number, part))
        same = self._known.get(digest)
        return same.take(good=good) if same is not None else None


class _Same:
    """Places of requests that are the same, and how many of their rows there were."""

    __slots__ = ("_failed", "_good", "places")

    def __init__(self) -> None:
        self.places: list[Place] = []
        self._good = self._failed = 0

    def take(self, *, good: bool) -> Place:
        """Each kind of row is counted by itself; a row too many is one that came twice."""
        if good:
            self._good += 1
            return self.places[min(self._good, len(self.places)) - 1]
        self._failed += 1
        return self.places[max(0, len(self.places) - self._failed)]


def _head(line: bytes) -> Head:
    try:
        value = _decode(line)
        return Head(str(value["dialect"]), str(value["model"]))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise MalformedReplyError("the map of ids in the bucket is damaged") from None


def _entry(line: bytes) -> Entry:
    try:
        custom_id, known, *about = _decode(line)
        digests = bytes.fromhex(known)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError):
        raise MalformedReplyError("the map of ids in the bucket is damaged") from None
    if not isinstance(custom_id, str):
        raise MalformedReplyError("the map of ids in the bucket is damaged")
    size = len(digests) // 8
    return Entry(
        custom_id,
        tuple(digests[8 * part : 8 * part + 8] for part in range(size)),
        about[0] if about and isinstance(about[0], dict) else None,
    )
