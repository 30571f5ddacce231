"""Looking through a list, newest first, for what a lost reply left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from batchyard.effects import Stream
from batchyard.errors import AmbiguousCreateError

__all__ = ["newest"]

LIMIT = 10_000
"""Things that a look-up reads before it says that it cannot tell (100 pages)."""

SKEW = 60
"""Seconds by which the service's clock may be behind ours."""


class _Created(Protocol):
    @property
    def created_at(self) -> int | None: ...


C = TypeVar("C", bound=_Created)


async def newest(listed: Stream[C], matches: Callable[[C], bool], since: float | None) -> C | None:
    """The first that matches and was made at *since* or later.

    Raises :class:`AmbiguousCreateError` when it is none of the first 10,000, and there are more.
    """
    seen = 0
    async for one in listed:
        if seen >= LIMIT:
            raise AmbiguousCreateError(f"what is looked for is none of the newest {LIMIT}")
        if since is not None and (one.created_at or since) < since - SKEW:
            return None
        if matches(one):
            return one
        seen += 1
    return None
