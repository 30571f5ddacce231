"""Events on their way to sinks: written with what they tell of, delivered afterwards."""

from __future__ import annotations

from batchyard.ledger.outbox._listing import Chosen, DeliveryRecord, EventRecord, list_events
from batchyard.ledger.outbox._outbox import Outbox
from batchyard.ledger.outbox._recording import Recorded, record, record_all
from batchyard.ledger.outbox._replaying import replay
from batchyard.ledger.outbox._subscribing import Subscription, subscribe

__all__ = [
    "Chosen",
    "DeliveryRecord",
    "EventRecord",
    "Outbox",
    "Recorded",
    "Subscription",
    "list_events",
    "record",
    "record_all",
    "replay",
    "subscribe",
]
