"""Where a batch runs: which account takes it, and what that calls its models."""

from __future__ import annotations

from batchyard.ledger.routing._candidates import ANYTHING, Allowed
from batchyard.ledger.routing._directory import Directory
from batchyard.ledger.routing._fitting import Carried, Route
from batchyard.ledger.routing._hints import Hint, HintKind, fields_of, kept_hints, stated_hints
from batchyard.ledger.routing._offers import Offer, offers, served_accounts
from batchyard.ledger.routing._routing import Routing

__all__ = [
    "ANYTHING",
    "Allowed",
    "Carried",
    "Directory",
    "Hint",
    "HintKind",
    "Offer",
    "Route",
    "Routing",
    "fields_of",
    "kept_hints",
    "offers",
    "served_accounts",
    "stated_hints",
]
