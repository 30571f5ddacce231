"""What the emulators themselves say that was used, and what they were asked to make."""

from __future__ import annotations

import json
from typing import Any

from batchyard.emulators.openai_wire import OpenAIWireEmulator
from batchyard_vertex.emulator import VertexEmulator

__all__ = ["Books", "books_of"]

Books = tuple[int, int]
"""Tokens in, tokens out."""


def books_of(emulator: Any) -> Books:
    """Over all that was ever run there, seen or not."""
    if isinstance(emulator, OpenAIWireEmulator):
        emulator._board.advance_all(emulator.clock.now())
    else:
        for job in list(emulator.jobs._jobs.values()):
            emulator.jobs.advance(job, emulator.clock.now())
    return _wire(emulator) if isinstance(emulator, OpenAIWireEmulator) else _vertex(emulator)


def made_at(emulator: Any) -> set[str]:
    """The ids of its batches."""
    if isinstance(emulator, OpenAIWireEmulator):
        return {one.id for one in emulator._board.all()}
    return {str(one.number) for one in emulator.jobs._jobs.values()}


def _wire(emulator: OpenAIWireEmulator) -> Books:
    used = [one.run.usage for one in emulator._board.all() if one.run is not None]
    return sum(one.input for one in used), sum(one.output for one in used)


def _vertex(emulator: VertexEmulator) -> Books:
    given = made = 0
    (bucket,) = emulator.objects._buckets
    for stored in emulator.objects.list(bucket, "", None, emulator.clock.now()):
        if "prediction" not in stored.name.rpartition("/")[2]:
            continue
        for line in stored.blob.path.read_bytes().splitlines():
            usage = json.loads(line).get("response", {}).get("usageMetadata", {})
            given += usage.get("promptTokenCount", 0)
            made += usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return given, made
