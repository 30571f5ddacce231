"""How long the engine waits for what."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds.

    A worker says every ``heartbeat`` that it lives; one that has not for
    ``stalled_after`` is dead, and its jobs go back into the queue at the next
    look, which is taken every ``look``.  ``poll`` is the longest time until a job
    is found whose notification was lost, ``shutdown`` how long what runs may
    still take when a worker ends, ``connect`` how long a connection is waited for,
    and ``outage`` the pause before the next attempt when there is none.
    """

    heartbeat: float = 10.0
    stalled_after: float = 30.0
    look: float = 15.0
    poll: float = 5.0
    shutdown: float = 30.0
    connect: float = 10.0
    outage: float = 5.0
