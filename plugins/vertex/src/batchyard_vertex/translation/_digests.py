"""What a request is known by when the service echoes it.

An echo is written anew: with nulls, with members in another order, with numbers
that went through 32 bits or were texts.  So what is compared is a digest of the
request without any of that.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

__all__ = ["SIZE", "digest_of", "encoded", "joined_digest", "mark_of", "normalised"]

SIZE = 8
"""Bytes: of a million requests, two that differ have the same with a chance of 1 in 37 million."""

encoded = msgspec.json.Encoder(order="sorted").encode

_SPELLED = {
    "embed_content_config": "embedContentConfig",
    "output_dimensionality": "outputDimensionality",
    "task_type": "taskType",
}
_EXACT = 2**53


def normalised(value: Any) -> Any:
    """*value* as every writing of it is; ``None`` for nothing."""
    if isinstance(value, dict):
        members = {_SPELLED.get(name, name): normalised(one) for name, one in value.items()}
        return {name: one for name, one in members.items() if one is not None} or None
    if isinstance(value, list):
        return [one for one in map(normalised, value) if one is not None] or None
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        # a member that is false is the same as none
        return value or None
    return _number(value)


def _number(value: Any) -> Any:
    """As a text, as which the service writes those of 64 bits; of others, what 32 bits hold."""
    if not isinstance(value, int | float):
        return None
    if isinstance(value, int) or (value.is_integer() and abs(value) < _EXACT):
        return str(int(value))
    return f"{value:.6g}"


def joined_digest(contents: bytes, system: bytes, mark: bytes) -> bytes:
    return blake2b(b"\0".join((contents, system, mark)), digest_size=SIZE).digest()


def mark_of(fields: dict[str, Any]) -> bytes:
    """Of all that a request has beside contents, system instruction and labels."""
    return blake2b(encoded(normalised(fields)), digest_size=SIZE).digest()


def digest_of(request: dict[str, Any]) -> bytes:
    """The same for our own request and its echo."""
    rest = {
        name: one
        for name, one in request.items()
        if name not in {"contents", "systemInstruction", "labels"}
    }
    system = request.get("systemInstruction")
    parts = system.get("parts") if isinstance(system, dict) else None
    return joined_digest(
        encoded(normalised(request.get("contents"))), encoded(normalised(parts)), mark_of(rest)
    )
