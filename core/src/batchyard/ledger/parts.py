"""What the parts of the ledger share, and the transaction that they all use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.accounts import Accounts
from batchyard.ledger.database import Database
from batchyard.ledger.grouping import Grouped
from batchyard.ledger.outbox import Recorded, record_all
from batchyard.ledger.recently import Recently
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.store import Store
from batchyard.ledger.tables import batches, jobs
from batchyard.models import Event

if TYPE_CHECKING:
    from batchyard.config import LedgerSettings
    from batchyard.gates import GateChain
    from batchyard.ledger.routing import Routing
    from batchyard.prices import PriceSources

A = TypeVar("A")
B = TypeVar("B")

__all__ = ["Parts", "Transaction", "transaction"]

ASKED = 5.0
"""Seconds for which one who asks for a batch that runs has it looked at for all who do."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One ledger's parts.  ``holder`` names this process among those that share it."""

    db: Database
    store: Store
    accounts: Accounts
    gates: GateChain
    prices: PriceSources
    settings: LedgerSettings
    routing: Routing
    holder: str

    asked: Recently = field(default_factory=lambda: Recently(ASKED), repr=False, compare=False)
    _groups: dict[Any, Grouped[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    def now(self) -> float:
        return self.db.clock.now()

    async def grouped(
        self, many: Callable[[Parts, Sequence[A]], Awaitable[Sequence[B]]], item: A
    ) -> B:
        """The answer of *many* for the item, with those that are asked at the same time."""
        group = self._groups.get(many)
        if group is None:
            group = self._groups[many] = Grouped(partial(many, self))
        answer: B = await group(item)
        return answer


@dataclass(slots=True)
class Transaction:
    """A connection, and the events that are written at its end, and told once it has committed."""

    connection: AsyncConnection
    _parts: Parts
    events: list[Recorded] = field(default_factory=list)

    def now(self) -> float:
        return self._parts.now()

    def record(self, event: Event, *, subject: str, owner: str = "") -> None:
        """Write the event and its deliveries; listeners hear of it after the commit."""
        self.events.append(Recorded(event, subject, owner))

    async def batch(self, batch_id: str) -> BatchRecord:
        """The batch, locked: who changes a job locks its batch first."""
        query = select(batches).where(batches.c.id == batch_id).with_for_update()
        row = (await self.connection.execute(query)).mappings().one()
        return BatchRecord.of(row)

    async def jobs(self, batch_id: str) -> list[JobRecord]:
        query = select(jobs).where(jobs.c.batch_id == batch_id).order_by(jobs.c.number)
        return [JobRecord.of(row) for row in (await self.connection.execute(query)).mappings()]


@asynccontextmanager
async def transaction(parts: Parts) -> AsyncIterator[Transaction]:
    """All that happens in it, or nothing; then the listeners are told."""
    async with parts.db.writing() as connection:
        current = Transaction(connection, parts)
        yield current
        await record_all(connection, parts.db, current.events)
    for one in current.events:
        parts.accounts.tell(one.event)
