"""Following batches to their end: who looks when, and what is done next."""

from __future__ import annotations

from batchyard.ledger.tracker._advancing import advance
from batchyard.ledger.tracker._following import DUTIES, follower_lease, follower_of
from batchyard.ledger.tracker._polling import poll
from batchyard.ledger.tracker._tracker import Tracker

__all__ = ["DUTIES", "Tracker", "advance", "follower_lease", "follower_of", "poll"]
