"""Lines that are plainly right, taken many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from io import BytesIO
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from batchyard.lines._endpoints import ANY_MODEL, Decode, plain_decoder

__all__ = ["PlainLines"]

Taken: TypeAlias = tuple[list[str], Mapping[str | None, int]]
"""The ids of some lines, in order, and how many of them ask for which model."""

_custom_id: Callable[[Any], str] = attrgetter("custom_id")
_model: Callable[[Any], str | None] = attrgetter("body.model")
_stream: Callable[[Any], bool | None] = attrgetter("body.stream")


class PlainLines:
    """Knows what the lines of one file have in common, and passes those that are so.

    Without a step of Python for each line, which is what makes it fast.
    """

    def __init__(self, url: str, model: str | None) -> None:
        self.url = url
        self._models = {model}
        self._first = model
        # most files ask for one model: then there is nothing to read of it
        self._narrow: Decode | None = plain_decoder(url, model)
        self._wide = plain_decoder(url, ANY_MODEL)

    def allow(self, model: str | None) -> None:
        self._models.add(model)

    def take(self, data: bytes) -> Taken | None:
        """The ids and models of the lines in *data*, or ``None`` unless all are plainly right."""
        # the decoder does not look into what it skips
        if not (data.isascii() or _is_utf8(data)):
            return None
        if self._narrow is not None:
            heads = _decoded(self._narrow, data)
            if heads is not None:
                return list(map(_custom_id, heads)), {self._first: len(heads)}
        heads = _decoded(self._wide, data)
        if heads is None or any(map(_stream, heads)) or not _named_once(data, len(heads)):
            return None
        models = Counter(map(_model, heads))
        if not models.keys() <= self._models:
            return None
        # so this is not such a file, and decoding it twice would be in vain
        self._narrow = None
        return list(map(_custom_id, heads)), models


def _decoded(decode: Decode, data: bytes) -> list[Any] | None:
    try:
        # line by line: a value that goes over several lines is not right
        return list(map(decode, BytesIO(data)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _named_once(data: bytes, lines: int) -> bool:
    """Whether no line can name a second model: the decoder tells of the last one only.

    A key may be written with escapes, of which its letters' begin alike.
    """
    return data.count(b'"model"') <= lines and b"\\u006" not in data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
