"""Answers that are not text: vectors, moderation verdicts, pictures, films."""

from __future__ import annotations

import base64
import math
import random
import struct
import sys
import zlib
from array import array
from typing import Any

from batchyard.emulators.openai_wire._prompts import count_tokens
from batchyard.emulators.openai_wire._rows import Answer, Row, Usage

_CATEGORIES = (
    *("harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit"),
    *("illicit/violent", "self-harm/intent", "self-harm/instructions", "self-harm"),
    *("sexual/minors", "violence", "violence/graphic"),
)
_HARM = {"violence": ("kill", "stab", "shoot"), "hate": ("hate you",), "harassment": ("idiot",)}
_DAY = 86_400


def answer_embeddings(row: Row) -> Answer:
    body = row.body
    inputs = embedding_inputs(body["input"])
    tokens = 0
    for item in inputs:
        size = count_tokens(item) if isinstance(item, str) else len(item)
        row.check_context(size, "input")
        tokens += size
    dimensions = body.get("dimensions") or row.model.dimensions
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "embedding": _vector(row.rng, dimensions, as_base64=as_base64),
            "index": index,
        }
        for index in range(len(inputs))
    ]
    document = {
        "object": "list",
        "data": data,
        "model": row.model.snapshot,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Answer(document, Usage(tokens))


def embedding_inputs(value: Any) -> list[Any]:
    """The single inputs in an embeddings `input`: a string, strings, tokens or lists of tokens."""
    is_many = isinstance(value, list) and value and not isinstance(value[0], int)
    return value if is_many else [value]


def _vector(rng: random.Random, dimensions: int, *, as_base64: bool) -> str | list[float]:
    """A unit vector."""
    raw = array("h", rng.randbytes(2 * dimensions))
    norm = math.sqrt(sum(value * value for value in raw)) or 1.0
    values = [value / norm for value in raw]
    if not as_base64:
        return values
    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def answer_moderation(row: Row) -> Answer:
    given = row.body["input"]
    texts = given if isinstance(given, list) else [given]
    if texts and isinstance(texts[0], dict):
        texts = [" ".join(str(part.get("text", "")) for part in texts)]
    document = {
        "id": f"modr-{row.hex(32)}",
        "model": row.model.snapshot,
        "results": [_verdict(row, str(text).lower()) for text in texts],
    }
    return Answer(document)


def _verdict(row: Row, text: str) -> dict[str, Any]:
    hits = {name: any(word in text for word in words) for name, words in _HARM.items()}
    categories = {name: hits.get(name, False) for name in _CATEGORIES}
    scores = {
        name: round(row.rng.uniform(0.7, 0.99) if hit else row.rng.uniform(1e-6, 0.02), 6)
        for name, hit in categories.items()
    }
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }


def answer_images(row: Row) -> Answer:
    body = row.body
    count = body.get("n") or 1
    usage = Usage(count_tokens(body["prompt"]), 272 * count)
    document = {
        "created": row.at,
        "background": body.get("background") or "opaque",
        "data": [{"b64_json": _png(row.rng)} for _ in range(count)],
        "output_format": body.get("output_format") or "png",
        "quality": body.get("quality") or "low",
        "size": body.get("size") or "1024x1024",
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": usage.input},
            "output_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
        },
    }
    return Answer(document, usage)


def _png(rng: random.Random) -> str:
    """A picture of one coloured pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + rng.randbytes(3))
    image = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + image).decode()


def answer_video(row: Row) -> Answer:
    body = row.body
    document = {
        "id": f"video_{row.hex(40)}",
        "object": "video",
        "created_at": row.at,
        "completed_at": row.at,
        "expires_at": row.at + _DAY,
        "error": None,
        "model": row.model.snapshot,
        "progress": 100,
        "prompt": body["prompt"],
        "remixed_from_video_id": None,
        "seconds": body.get("seconds") or "4",
        "size": body.get("size") or "720x1280",
        "status": "completed",
    }
    return Answer(document)
