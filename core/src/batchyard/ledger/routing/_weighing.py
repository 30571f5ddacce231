"""Choosing by weight, the same way each time for one seed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

__all__ = ["in_order"]

BITS = 52
"""As many as leave every draw above 0 and below 1 as a float."""


def in_order(weights: Mapping[str, float], seed: str) -> list[str]:
    """The names, the chosen one first: each comes first as often as its share of the weights.

    Weighted rendezvous hashing: a name that goes changes nothing of the order of
    the others.
    """
    return sorted(weights, key=lambda name: (-_score(name, weights[name], seed), name))


def _score(name: str, weight: float, seed: str) -> float:
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    drawn = ((int.from_bytes(digest[:8]) >> (64 - BITS)) + 0.5) / 2**BITS
    return -weight / math.log(drawn)
