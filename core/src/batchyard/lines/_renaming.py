"""Other names for the models that lines ask for; every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

import msgspec

from batchyard.errors import SourceError
from batchyard.lines._split import is_blank, pieces

__all__ = ["rename_models", "renamed_growth"]

KEY = b'"model"'

VALUE = re.compile(rb'"model"\s*+:\s*+("[^"\\]*+")')
"""The key with its value, where that is a name without escapes."""

TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]', re.DOTALL)
"""Strings, and what gives JSON its structure."""


class _Body(msgspec.Struct, gc=False):
    model: str | None = None


class _Line(msgspec.Struct, gc=False):
    body: _Body


_decode = msgspec.json.Decoder(_Line).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


def renamed_growth(counts: Mapping[str, int], names: Mapping[str, str]) -> int:
    """Bytes by which a file grows at most, of which *counts* says how many lines name a model."""
    return sum(
        count * (len(_encode(names[model])) - len(_encode(model)))
        for model, count in counts.items()
        if model in names
    )


def rename_models(chunks: Iterable[bytes], names: Mapping[str, str]) -> Iterator[bytes]:
    """The lines of a file that was checked, with ``body.model`` as *names* has it.

    The same bytes at each pass.  Raises :class:`SourceError` for a line that is
    none any more.
    """
    values = {name: _encode(other) for name, other in names.items()}
    number = 0
    for _, _, data in pieces(chunks):
        if data is None:
            raise SourceError(f"line {number + 1} is longer than it was when it was checked")
        made = []
        for line in BytesIO(data):
            number += 1
            try:
                made.append(line if is_blank(line) else _renamed(line, values))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise SourceError(f"line {number} changed after it was checked") from error
        yield b"".join(made)


def _renamed(line: bytes, values: Mapping[str, bytes]) -> bytes:
    model = _decode(line).body.model
    value = values.get(model or "")
    if value is None:
        return line
    if line.count(KEY) == 1:
        # nearly every line: but the key may be another object's, which is found out below
        found = VALUE.search(line)
        if found is not None:
            made = b"".join((line[: found.start(1)], value, line[found.end(1) :]))
            if _decode(made).body.model == _text(value):
                return made
    return _renamed_closely(line, value)


def _renamed_closely(line: bytes, value: bytes) -> bytes:
    """Wherever the key stands in the body: of two, some services read the first."""
    made = []
    end = 0
    for start, stop in _places(line):
        made += [line[end:start], value]
        end = stop
    return b"".join((*made, line[end:]))


def _places(line: bytes) -> Iterator[tuple[int, int]]:
    """From where to where the values of ``body.model`` are that are strings."""
    depth = 0
    in_body = False
    text, key = b"", None
    for token in TOKEN.finditer(line):
        found = token.group()
        if found[0] == 0x22:
            if in_body and depth == 2 and key == "model":
                yield token.span()
            text = found
            continue
        if found == b":":
            # only the keys of the line and of its body are of interest
            key = _text(text) if depth == 1 or (in_body and depth == 2) else None
            continue
        if found in b"{[":
            in_body = in_body or (depth == 1 and key == "body" and found == b"{")
            depth += 1
        elif found in b"}]":
            depth -= 1
            in_body = in_body and depth > 1
        key = None
