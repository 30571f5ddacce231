"""Requests a minute: a bucket for each key, which fills as time goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from batchyard.errors import RateLimitError

__all__ = ["Rates", "Standing", "too_many"]

MOST = 10_000
"""Buckets that are kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands after a request.  ``reset`` is the seconds until its bucket is full."""

    limit: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        """As OpenAI names them (OpenAI API guide, rate limits)."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": f"{math.ceil(self.reset * 1000)}ms",
        }


class Rates:
    """Buckets in this process.  Of *workers* processes each lets a share of the requests pass."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str, limit: int, now: float) -> tuple[Standing, float]:
        """One request: where the key stands, and how long it must wait if it has too many."""
        most = max(1.0, limit / self._workers)
        each = limit / self._workers / 60
        left, since = self._buckets.get(key_id, (most, now))
        left = min(most, left + max(0.0, now - since) * each)
        wait = 0.0 if left >= 1 else (1 - left) / each
        if not wait:
            left -= 1
        if key_id not in self._buckets and len(self._buckets) >= MOST:
            # those that were used last are the last to be full again
            for old in sorted(self._buckets, key=lambda one: self._buckets[one][1])[: MOST // 10]:
                del self._buckets[old]
        self._buckets[key_id] = left, now
        return Standing(limit, int(left), (most - left) / each), wait


def too_many(name: str, standing: Standing, wait: float) -> RateLimitError:
    """As OpenAI says it (OpenAI API guide, error codes)."""
    return RateLimitError(
        f"Rate limit reached for the API key {name!r} on requests per min (RPM): "
        f"Limit {standing.limit}, Used {standing.limit}, Requested 1. "
        f"Please try again in {math.ceil(wait)}s.",
        status=429,
        type="requests",
        code="rate_limit_exceeded",
        retry_after=wait,
    )
