"""Tokens of Gemini's own answers, and of lines that failed when some of them were spent."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from batchyard.lines import ResultLine
from batchyard.models import Usage
from batchyard.steps import UsageShape, openai_wire
from batchyard_vertex.translation._answers import About, created_at, text_in
from batchyard_vertex.translation._choosing import NATIVE
from batchyard_vertex.translation._usage import gemini_counts

__all__ = ["usage_reader"]

_UNKNOWN = Usage(known=False)


def usage_reader(endpoint: str) -> Callable[[ResultLine], Usage]:
    """Of Gemini's own answers, or of those that were translated."""
    return _native if endpoint == NATIVE else _Translated(endpoint)


class _Translated:
    """Reads OpenAI's shapes.  Another process can be given it."""

    __slots__ = ("_endpoint", "_read", "shapes")

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._read = openai_wire.usage_reader(endpoint)
        self.shapes: tuple[UsageShape, ...] = getattr(self._read, "shapes", ())

    def __reduce__(self) -> tuple[Callable[[str], Callable[[ResultLine], Usage]], tuple[str]]:
        return usage_reader, (self._endpoint,)

    def __call__(self, line: ResultLine) -> Usage:
        return self._read(line) if _is_answer(line) else _beside_error(line, self._read)


def _is_answer(line: ResultLine) -> bool:
    return 200 <= line.status_code < 300


def _beside_error(line: ResultLine, read: Callable[[ResultLine], Usage]) -> Usage:
    """Of a line of which a part failed, the rest is paid for."""
    response = line.response
    if response is None or b'"usage"' not in bytes(response.body or b""):
        return Usage()
    answered = msgspec.structs.replace(response, status_code=200)
    usage = read(msgspec.structs.replace(line, response=answered))
    # the word may stand in an error's message
    return usage if usage.known else Usage()


def _native(line: ResultLine) -> Usage:
    if not _is_answer(line):
        return _beside_error(line, openai_wire.usage_reader(NATIVE))
    try:
        answer = line.body
    except msgspec.DecodeError:
        return _UNKNOWN
    if not isinstance(answer, dict):
        return _UNKNOWN
    model = text_in(answer, "modelVersion").partition("@")[0] or None
    created = created_at(answer, About("")) or None
    counts = gemini_counts(answer.get("usageMetadata"))
    if counts is None:
        return Usage(model=model, created=created, known=False)
    return Usage(
        counts.given,
        counts.made,
        min(counts.cached, counts.given),
        reasoning_tokens=min(counts.thoughts, counts.made),
        input_audio_tokens=counts.audio[0],
        output_audio_tokens=counts.audio[1],
        input_image_tokens=counts.images[0],
        output_image_tokens=counts.images[1],
        model=model,
        created=created,
    )
