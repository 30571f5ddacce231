"""Tokens of Gemini's own answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from batchyard.lines import ResultLine
from batchyard.models import Usage
from batchyard_vertex.translation._answers import About, created_at, text_in
from batchyard_vertex.translation._choosing import NATIVE
from batchyard_vertex.translation._usage import gemini_counts

__all__ = ["usage_reader"]

_UNKNOWN = Usage(known=False)


def usage_reader(endpoint: str) -> Callable[[ResultLine], Usage] | None:
    return _read if endpoint == NATIVE else None


def _read(line: ResultLine) -> Usage:
    if line.failure is not None:
        return Usage()
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
