"""Claims on rows: who works on a job or a batch, and whether still."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, and_, or_, update

from batchyard.errors import LedgerUnavailableError
from batchyard.ledger.parts import Parts

__all__ = ["LEASE", "Overtaken", "claim", "granted", "held", "kept", "release"]

T = TypeVar("T")

log = logging.getLogger("batchyard.ledger")

LEASE = 60.0
"""Seconds after which the work of a process that died is taken up by another."""


class Overtaken(Exception):  # noqa: N818 - it is no error: another worker does the work
    """Another worker has claimed the row since: what this one was about to write is void."""


async def claim(
    parts: Parts, table: Table, row_id: str, condition: ColumnElement[bool]
) -> int | None:
    """Claim a row that nobody works on; the epoch, or ``None`` if somebody does.

    The epoch fences: what is written later must name it.
    """
    asking = _claim(parts, table, row_id, condition)
    return await granted(asking, partial(release, parts, table, row_id))


async def granted(
    asking: Coroutine[Any, Any, T | None], give_back: Callable[[T], Awaitable[object]]
) -> T | None:
    """What is claimed.  If this is cancelled meanwhile it is given back, not left to run out."""
    claiming = asyncio.create_task(asking)
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        claimed = await claiming
        if claimed is not None:
            await give_back(claimed)
        raise


async def _claim(
    parts: Parts, table: Table, row_id: str, condition: ColumnElement[bool]
) -> int | None:
    now = parts.now()
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    statement = (
        update(table)
        .where(table.c.id == row_id, free, condition)
        .values(lease_until=now + LEASE, epoch=table.c.epoch + 1)
        .returning(table.c.epoch)
    )
    async with parts.db.writing() as connection:
        epoch: int | None = (await connection.execute(statement)).scalar_one_or_none()
    return epoch


@asynccontextmanager
async def held(parts: Parts, table: Table, row_id: str, epoch: int) -> AsyncIterator[None]:
    """Keep the claim alive while the block runs."""
    async with kept(partial(_renew, parts, table, row_id, epoch), LEASE / 3):
        yield


@asynccontextmanager
async def kept(renew: Callable[[], Awaitable[object]], every: float) -> AsyncIterator[None]:
    """Call *renew* each *every* seconds while the block runs."""
    beats: list[asyncio.Task[None]] = []
    # the machine's time: a test's clock would run away under a loop that sleeps on it.
    # No task until then, since by far the most blocks are short
    starting = asyncio.get_running_loop().call_later(
        every, lambda: beats.append(asyncio.create_task(_beat(renew, every)))
    )
    try:
        yield
    finally:
        starting.cancel()
        for beat in beats:
            beat.cancel()
            # a beat that failed is no failure of the work: the guarded write tells whose it is
            await asyncio.gather(beat, return_exceptions=True)


async def release(parts: Parts, table: Table, row_id: str, epoch: int) -> None:
    async with parts.db.writing() as connection:
        await connection.execute(
            update(table)
            .where(and_(table.c.id == row_id, table.c.epoch == epoch))
            .values(lease_until=None)
        )


async def _renew(parts: Parts, table: Table, row_id: str, epoch: int) -> None:
    async with parts.db.writing() as connection:
        await connection.execute(
            update(table)
            .where(and_(table.c.id == row_id, table.c.epoch == epoch))
            .values(lease_until=parts.now() + LEASE)
        )


async def _beat(renew: Callable[[], Awaitable[object]], every: float) -> None:
    while True:
        try:
            await renew()
        except LedgerUnavailableError as error:
            # it may be back before the claim runs out
            log.warning("a claim could not be renewed: %s", error)
        await asyncio.sleep(every)
