"""Sinks of all sorts, and events for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from batchyard.errors import PluginFailedError
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import Recorded, Subscription, record_all, subscribe
from batchyard.ledger.tables import batches
from batchyard.models import Batch, BatchEvent, Event


class Taking:
    """Takes what it is given."""

    deadline = 10.0

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    async def deliver(self, event: Event) -> None:
        # a sink that never waits hides every race
        await asyncio.sleep(0.001)
        self.events.append(event)


class Refusing(Taking):
    """Fails for the batches named, and counts the attempts."""

    def __init__(self, *batches: str) -> None:
        super().__init__()
        self.batches = set(batches)
        self.attempts = 0

    async def deliver(self, event: Event) -> None:
        if isinstance(event, BatchEvent) and event.batch.id in self.batches:
            self.attempts += 1
            raise PluginFailedError("sink refusing: deliver failed: OSError: no route")
        await super().deliver(event)


class Hanging(Taking):
    """Holds every event until it is let go, and then takes it or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.entered = asyncio.Event()
        self.let_go = asyncio.Event()

    async def deliver(self, event: Event) -> None:
        self.entered.set()
        await self.let_go.wait()
        if self.fails:
            raise PluginFailedError("sink hanging: deliver failed: OSError: too late")
        await super().deliver(event)


def happened(batch: str, hook: str = "batch_created", **more: Any) -> BatchEvent:
    return BatchEvent(
        hook=hook, at=1.5, provider="acme", account="acme-eu", batch=Batch(id=batch), **more
    )


async def batch_rows(db: Database, *names: str) -> None:
    """Rows for batches, as far as events need them."""
    rows = [
        {
            "id": name,
            "account": "acme-eu",
            "provider": "acme",
            "endpoint": "/v1/responses",
            "completion_window": "24h",
            "phase": "open",
            "status": "validating",
            "created_at": 0.0,
        }
        for name in names
    ]
    async with db.writing() as connection:
        await connection.execute(insert(batches), rows)


async def written(db: Database, *events: BatchEvent) -> Sequence[str]:
    """Write events of batches down, in one transaction; their ids."""
    async with db.writing() as connection:
        recorded = [Recorded(event, event.batch.id) for event in events]
        await record_all(connection, db, recorded)
    return [event.id for event in events]


async def subscribed(db: Database, *names: str) -> None:
    await subscribe(db, [Subscription(name, "taking") for name in names])
