"""The life of a job and of a batch, as tables.

A *job* is a provider's batch.  What is about to be sent is written down before
it is sent: ``uploading`` and ``creating`` say that a request may be under way,
so whoever finds a job in them looks first for what it left behind.

.. code-block:: text

    job     pending ─► uploading ─► uploaded ─► creating ─► tracking ─► ended
                            ▲           ▲ │         │           │
                            └───────────┼─┘         │           │
                                        └───────────┴───────────┘
    batch   open ─► ended (every job has ended) ─► settled
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

__all__ = [
    "MOVES",
    "OPEN",
    "PHASES",
    "UNSENT",
    "JobState",
    "Phase",
    "may_move",
    "outcome_of",
    "status_of",
]

JobState: TypeAlias = Literal["pending", "uploading", "uploaded", "creating", "tracking", "ended"]
Phase: TypeAlias = Literal["open", "ended", "settled"]

MOVES: Mapping[JobState, frozenset[JobState]] = {
    # a job with nothing to send, or cancelled before anything was sent, ends at once
    "pending": frozenset({"uploading", "ended"}),
    "uploading": frozenset({"uploaded", "ended"}),
    # again: the file has expired while there was no room for the job
    "uploaded": frozenset({"uploading", "creating", "ended"}),
    # back: it is known that the create made nothing
    "creating": frozenset({"uploaded", "tracking", "ended"}),
    # back: the provider had no room for it, and has carried out nothing of it
    "tracking": frozenset({"uploaded", "ended"}),
    "ended": frozenset(),
}

PHASES: Mapping[Phase, frozenset[Phase]] = {
    "open": frozenset({"ended"}),
    "ended": frozenset({"settled"}),
    "settled": frozenset(),
}

UNSENT: tuple[JobState, ...] = ("pending", "uploading", "uploaded", "creating")
"""The states in which no batch of the provider is known yet."""

OPEN: tuple[JobState, ...] = (*UNSENT, "tracking")
"""The states of a job that has not ended."""

_WORST_FIRST = ("cancelled", "expired", "completed", "failed")
"""Of jobs that ended differently the first of these is what the batch came to.

A batch that failed in part is completed: the lines of that part are errors.
"""


def may_move(before: JobState, after: JobState) -> bool:
    return after in MOVES[before]


def status_of(jobs: Sequence[tuple[JobState, str | None]], *, cancelling: bool) -> str:
    """What is shown of a batch with these jobs, each with the provider's last status.

    ``finalizing`` until the batch is settled, whatever its jobs came to.
    """
    states = {state for state, _ in jobs}
    if states <= {"ended"}:
        return "finalizing"
    if cancelling:
        return "cancelling"
    told = {status or "validating" for state, status in jobs if state in {"tracking", "ended"}}
    if states <= {*UNSENT} or told <= {"validating"}:
        return "validating"
    running = {status for state, status in jobs if state != "ended"}
    if running <= {"finalizing"}:
        return "finalizing"
    return "cancelling" if running <= {"cancelling"} else "in_progress"


def outcome_of(statuses: Collection[str | None]) -> str:
    """What a batch came to whose jobs ended with these statuses."""
    return next((one for one in _WORST_FIRST if one in statuses), "failed")
