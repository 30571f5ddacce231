"""One ledger's database, open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from sqlalchemy import Select, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from batchyard.drivers import SystemClock
from batchyard.effects import Clock
from batchyard.ledger.database._addresses import parse
from batchyard.ledger.database._connections import engines
from batchyard.ledger.database._disks import prepare
from batchyard.ledger.database._faults import understood
from batchyard.ledger.database._lookups import (
    Lookup,
    PostgresLookups,
    SqliteLookups,
    UnansweredError,
)
from batchyard.ledger.database._schema import bring_up_to_date, check_schema, version_of

__all__ = ["Database"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Database:
    """A ledger's tables, in SQLite or in Postgres.

    *url* is a path, ``sqlite:///PATH`` or ``postgresql://…``.  With ``migrate`` off a
    schema of another version is refused rather than brought up to date.
    Belongs to the event loop that opened it.
    """

    def __init__(self, url: str, clock: Clock | None = None, *, migrate: bool = True) -> None:
        self._address = parse(url)
        self.clock = clock or SystemClock()
        self._migrate = migrate
        self._engines: tuple[AsyncEngine, AsyncEngine] | None = None
        self._turn: AbstractAsyncContextManager[None] = nullcontext()
        kind = PostgresLookups if self.postgres else SqliteLookups
        self._lookups: PostgresLookups | SqliteLookups = kind(self._address)

    def __repr__(self) -> str:
        return f"Database({self._address.shown})"

    @property
    def postgres(self) -> bool:
        """Whether it is Postgres; else it is SQLite."""
        return self._address.path is None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Make what is not there: file, tables.  Several processes may do so at once."""
        if self._engines is not None:
            raise RuntimeError(f"{self!r} is open already")
        path = self._address.path
        with understood(self._address):
            if path is not None:
                await prepare(path, create=self._migrate)
                self._turn = _turn(path)
            self._engines = engines(self._address)
            try:
                version = await version_of(self._engines[0])
                if check_schema(version, self._address, migrate=self._migrate):
                    await bring_up_to_date(self._address)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Closing twice is closing once."""
        await self._lookups.close()
        opened, self._engines = self._engines, None
        for engine in opened or ():
            await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database, and cannot write."""
        async with self._connected(0) as conn:
            yield conn

    async def find(self, lookup: Lookup[R], key: str) -> R | None:
        """The one row with that key, by the shortest way there is."""
        if self._engines is None:
            raise RuntimeError(f"{self!r} is not open")
        if not key.isprintable():
            return None  # no key is made of such, and not every database takes it as a value
        try:
            return await self._lookups.find(lookup, key)
        except UnansweredError:
            async with self.reading() as conn:
                found = (await conn.execute(lookup.query, {"key": key})).mappings().one_or_none()
            return None if found is None else lookup.of_row(found)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed when the block ends well.

        Keep it short: on SQLite it is the only one, and no other process writes
        meanwhile.  It may not be opened within itself.
        """
        async with self._turn, self._connected(1) as conn, conn.begin():
            yield conn

    @asynccontextmanager
    async def _connected(self, which: int) -> AsyncIterator[AsyncConnection]:
        if self._engines is None:
            raise RuntimeError(f"{self!r} is not open")
        with understood(self._address) as stage:
            async with self._engines[which].connect() as conn:
                stage.connected = True
                yield conn

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
        return postgresql.insert(table) if self.postgres else sqlite.insert(table)

    def claimable(self, rows: Select[*Ts]) -> Select[*Ts]:
        """*rows* without those that another transaction has locked.

        On SQLite there is no other transaction that writes.
        """
        return rows.with_for_update(skip_locked=True) if self.postgres else rows


class _Turn:
    """A lock that says so when its holder waits for itself."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if self._holder is task is not None:
            raise RuntimeError("a writing() within a writing() would wait for itself for ever")
        await self._lock.acquire()
        self._holder = task

    async def __aexit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[Path, _Turn]] = (
    WeakKeyDictionary()
)


def _turn(path: Path) -> _Turn:
    """The one for all who write to *path* from this event loop: they queue here, in order.

    Between loops and processes SQLite's own lock decides, by trying again and again.
    """
    here = _turns.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    return here.setdefault(path.resolve(), _Turn())
