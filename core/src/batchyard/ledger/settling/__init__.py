"""Settling batches: fetch what the providers wrote, count it, price it, write it down once."""

from __future__ import annotations

from batchyard.ledger.settling._adjusting import adjust
from batchyard.ledger.settling._pricing import started_of
from batchyard.ledger.settling._recounting import recounted
from batchyard.ledger.settling._repricing import reprice
from batchyard.ledger.settling._settling import settle

__all__ = ["adjust", "recounted", "reprice", "settle", "started_of"]
