"""Labels of jobs, which are all that a job has room for.

They have small letters, digits and dashes only, 63 in a value, and there are 64
of them at most (Google Cloud, requirements for labels).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from batchyard.errors import InputError

__all__ = ["PREFIX", "labels_of", "metadata_of"]

PREFIX = "batchyard"
"""Begins the names of our labels, and of our jobs."""

_NAME = f"{PREFIX}-metadata-"
_SIZE = 63
_MOST = 56
_LARGEST = 64 * 1024
"""Bytes that metadata may have: nobody writes more, and a bomb is not unpacked."""


def labels_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a batch, written so that it comes back byte for byte."""
    if not metadata:
        return {}
    packed = zlib.compress(json.dumps(dict(metadata), separators=(",", ":")).encode(), 9)
    text = base64.b32encode(packed).decode().rstrip("=").lower()
    values = [text[start : start + _SIZE] for start in range(0, len(text), _SIZE)]
    if len(values) > _MOST:
        raise InputError(
            f"the metadata needs {len(values)} labels, and a job has room for {_MOST}: shorten it",
            param="metadata",
        )
    return {f"{_NAME}{number}": value for number, value in enumerate(values)}


def metadata_of(labels: Mapping[str, str]) -> dict[str, str] | None:
    """What :func:`labels_of` wrote; ``None`` where there is none that can be read."""
    values: list[str] = []
    while (value := labels.get(f"{_NAME}{len(values)}")) is not None:
        values.append(value)
    text = "".join(values).upper()
    if not text:
        return None
    try:
        packed = base64.b32decode(text + "=" * (-len(text) % 8))
        found: Any = json.loads(zlib.decompressobj().decompress(packed, _LARGEST))
    except (ValueError, zlib.error):
        return None
    if not isinstance(found, dict):
        return None
    return {name: value for name, value in found.items() if isinstance(value, str)}
