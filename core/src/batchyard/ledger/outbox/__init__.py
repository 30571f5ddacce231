"""Events on their way to sinks: written with what they tell of, delivered afterwards."""

from __future__ import annotations

from batchyard.ledger.outbox._backlog import Backlog, backlog, pause, resume
from batchyard.ledger.outbox._listing import Chosen, DeliveryRecord, EventRecord, list_events
from batchyard.ledger.outbox._outbox import LinePart, LineReader, Outbox
from batchyard.ledger.outbox._recording import Recorded, record, record_all
from batchyard.ledger.outbox._replaying import replay
from batchyard.ledger.outbox._sampling import sampled
from batchyard.ledger.outbox._subscribing import Subscription, subscribe
from batchyard.ledger.outbox._terms import Terms

__all__ = [
    "Backlog",
    "Chosen",
    "DeliveryRecord",
    "EventRecord",
    "LinePart",
    "LineReader",
    "Outbox",
    "Recorded",
    "Subscription",
    "Terms",
    "backlog",
    "list_events",
    "pause",
    "record",
    "record_all",
    "replay",
    "resume",
    "sampled",
    "subscribe",
]
