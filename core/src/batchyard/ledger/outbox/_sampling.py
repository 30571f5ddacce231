"""Which lines a subscription is told of: a share of them, the same at each delivery."""

from __future__ import annotations

import hashlib

__all__ = ["sampled"]

WHOLE = 2**64


def sampled(custom_id: str, share: float) -> bool:
    """Whether the line is among the *share* (0 to 1) that is told.

    By a hash of its ``custom_id`` alone, so that all sinks with one share, and
    every attempt, choose alike; a larger share has all lines of a smaller one.
    """
    if share >= 1:
        return True
    digest = hashlib.sha256(custom_id.encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) < share * WHOLE
