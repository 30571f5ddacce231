"""Vectors of a line's inputs, which come one a row and in any order, put together again."""

from __future__ import annotations

import base64
import sys
import tempfile
from array import array
from dataclasses import dataclass, field
from typing import Any

import msgspec

from batchyard_vertex.translation._failures import error_body, refusal, spent
from batchyard_vertex.translation._usage import count_in

__all__ = ["Join", "Vector", "vector_in"]

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of vectors that wait for others before they are put on disk."""


@dataclass(frozen=True, slots=True)
class Vector:
    """``tokens`` is what the input had; ``None`` if that is not told."""

    values: list[Any]
    tokens: int | None

    def encoded(self, *, as_base64: bool) -> bytes:
        """JSON of the vector, or its 32-bit numbers, little-endian, in base64."""
        if not as_base64:
            return msgspec.json.encode(self.values)
        numbers = array("f", self.values)
        if sys.byteorder == "big":
            numbers.byteswap()
        return b'"' + base64.b64encode(numbers.tobytes()) + b'"'


def vector_in(answer: Any) -> Vector | None:
    """From a row's ``response``, or from one of its ``predictions``."""
    if not isinstance(answer, dict):
        return None
    found = answer.get("embedding", answer.get("embeddings"))
    values = found.get("values") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(values, list) or not values:
        return None
    if not all(type(one) in {float, int} for one in values):
        return None
    for about, name in (
        (answer.get("usageMetadata"), "promptTokenCount"),
        (found.get("statistics"), "token_count"),
        (answer, "tokenCount"),
    ):
        if isinstance(about, dict) and name in about:
            return Vector(values, count_in(about, name))
    return Vector(values, None)


@dataclass(slots=True)
class _Held:
    """What has come of a line.  ``parts`` are the places and lengths of its vectors."""

    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    tokens: int | None = 0
    failure: dict[str, Any] | None = None


class Join:
    """Holds the vectors of lines that are not complete, in bounded memory.

    *lines* is how many there are; of a line that is complete more rows are no news.
    """

    def __init__(self, model: str, lines: int) -> None:
        self._model = model
        # owned by this, and closed with it
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._held: dict[int, _Held] = {}
        self._done = bytearray(lines + 1)

    def close(self) -> None:
        self._file.close()

    def add(
        self, place: tuple[int, int], size: int, vector: Vector | dict[str, Any], *, as_base64: bool
    ) -> dict[str, Any] | None:
        """Take the vector, or the failure, of one of a line's *size* inputs.

        Returns the line's response when nothing is missing any more, once.
        """
        if not self.lacks(place, size):
            return None
        number, part = place
        held = self._held.setdefault(number, _Held())
        if isinstance(vector, Vector):
            known = held.tokens is not None and vector.tokens is not None
            held.tokens = (held.tokens or 0) + (vector.tokens or 0) if known else None
            data = vector.encoded(as_base64=as_base64)
            offset = self._file.seek(0, 2)
            held.parts[part] = (offset, len(data))
            self._file.write(data)
        else:
            held.failure = held.failure or vector
            held.parts[part] = (0, 0)
        if len(held.parts) < size:
            return None
        del self._held[number]
        # a line that nobody asked for has a number of any size
        if number < len(self._done):
            self._done[number] = 1
        made = self._failed(held, held.failure) if held.failure else self._response(held)
        if not self._held:
            self._file.truncate(0)
        return made

    def lacks(self, place: tuple[int, int], size: int) -> bool:
        """Whether nothing has come for one of a line's inputs, of which it has *size*."""
        number, part = place
        if part >= size or (number < len(self._done) and self._done[number]):
            return False
        held = self._held.get(number)
        return held is None or part not in held.parts

    def told(self, number: int, size: int, code: str | None = None) -> dict[str, Any]:
        """The response of a line of which something never came; *code* says why, where it is known.

        What did come was paid for.
        """
        held = self._held[number]
        message = f"{len(held.parts)} of {size} inputs have a result: the others never came."
        return self._failed(held, held.failure or refusal(502, error_body(502, message, code)))

    def _failed(self, held: _Held, failure: dict[str, Any]) -> dict[str, Any]:
        return spent(
            failure, {"model": self._model, "usage": _usage(held)} if held.tokens else None
        )

    @property
    def waiting(self) -> list[int]:
        return sorted(self._held)

    def _response(self, held: _Held) -> dict[str, Any]:
        data = []
        for index, part in enumerate(sorted(held.parts)):
            offset, length = held.parts[part]
            self._file.seek(offset)
            vector = msgspec.Raw(self._file.read(length))
            data.append({"object": "embedding", "index": index, "embedding": vector})
        body = {"object": "list", "data": data, "model": self._model, "usage": _usage(held)}
        return {"status_code": 200, "request_id": "", "body": body}


def _usage(held: _Held) -> dict[str, int] | None:
    tokens = held.tokens
    return None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
