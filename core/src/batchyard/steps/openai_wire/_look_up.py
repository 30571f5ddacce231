"""Looking through a list, newest first, for what a lost reply left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from batchyard.effects import Stream
from batchyard.errors import AmbiguousCreateError

__all__ = ["sought"]

LIMIT = 10_000
"""Things that a look-up reads before it says that it cannot tell (100 pages)."""

SKEW = 60
"""Seconds by which the service's clock may be behind ours."""


TWINS = 900
"""Seconds before one that was found in which a twin of it is looked for: two processes may have
used one key at the same time."""


class _Created(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> int | None: ...


C = TypeVar("C", bound=_Created)


async def sought(
    listed: Stream[C],
    matches: Callable[[C], bool],
    since: float | None,
    rank: Callable[[C], tuple[int, int, str]] | None = None,
    known: frozenset[str] = frozenset(),
) -> C | None:
    """What matches and was made at *since* or later; of twins the first by *rank*.

    Without a rank that is the one that was made first.  Those that are *known* match
    and are not meant: the others are near them.

    Raises :class:`AmbiguousCreateError` when it is none of the first 10,000, and there are more.
    """
    seen, horizon = 0, None if since is None else since - SKEW
    found: C | None = None
    matched = False
    async for one in listed:
        if horizon is not None and (one.created_at or horizon) < horizon:
            break
        if seen >= LIMIT:
            if not matched:
                raise AmbiguousCreateError(f"what is looked for is none of the newest {LIMIT}")
            break
        if matches(one):
            matched = True
            if one.id not in known:
                found = one if found is None else min(one, found, key=rank or _age)
            twins = (one.created_at or 0) - TWINS
            horizon = twins if horizon is None else max(horizon, twins)
        seen += 1
    return found


def _age(one: _Created) -> tuple[int, int, str]:
    return 0, one.created_at or 0, one.id
