"""Who follows batches: workers say so while they live."""

from __future__ import annotations

from collections.abc import Collection

from batchyard.ledger.database import live_leases
from batchyard.ledger.parts import Parts

__all__ = ["DUTIES", "follower_lease", "follower_of"]

DUTIES = ("submit", "poll", "settle", "deliver", "clean")
"""What a worker may do; all of it, unless it is told."""

NEEDED = frozenset({"submit", "poll", "settle"})
"""What brings a batch to its end."""

PREFIX = "worker:"


def follower_lease(holder: str, duties: Collection[str] = DUTIES) -> str:
    """The lease that a worker holds while it lives, with what it does."""
    return f"{PREFIX}{'+'.join(sorted(duties))}:{holder}"


async def follower_of(parts: Parts) -> str | None:
    """Who follows the batches of this ledger, in words, or ``None`` if nobody does.

    Workers that share the duties follow together; where one is nobody's, nobody follows.
    """
    done: dict[str, list[str]] = {}
    for name in await live_leases(parts.db, PREFIX):
        duties, _, holder = name.removeprefix(PREFIX).partition(":")
        done.setdefault(holder, []).extend(duties.split("+"))
    workers = {holder: own for holder, duties in done.items() if (own := NEEDED & {*duties})}
    if NEEDED - frozenset().union(*workers.values()):
        return None
    if parts.holder in workers:
        return "this process"
    return f"worker {next(iter(workers))}" if len(workers) == 1 else f"{len(workers)} workers"
