"""Jobs: what the ledger has providers do.

Every write names the state and the epoch that it follows from, so of two
workers only one gets through.
"""

from __future__ import annotations

from batchyard.ledger.jobs._batch_row import announce_created, batch_of, event_of, refresh
from batchyard.ledger.jobs._cancelling import cancel_job
from batchyard.ledger.jobs._moves import pause_after
from batchyard.ledger.jobs._observing import (
    job_refused,
    look_again,
    lost,
    observe,
    observed_alike,
    put_off_looking,
    seen_values,
    stalled,
)
from batchyard.ledger.jobs._parking import wait_for_account
from batchyard.ledger.jobs._requests import request_of
from batchyard.ledger.jobs._submitting import submit
from batchyard.ledger.jobs._twins import look_for_twins

__all__ = [
    "announce_created",
    "batch_of",
    "cancel_job",
    "event_of",
    "job_refused",
    "look_again",
    "look_for_twins",
    "lost",
    "observe",
    "observed_alike",
    "pause_after",
    "put_off_looking",
    "refresh",
    "request_of",
    "seen_values",
    "stalled",
    "submit",
    "wait_for_account",
]
