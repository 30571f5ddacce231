"""A process that follows: until it is told to stop, and then in good order."""

from __future__ import annotations

import asyncio

from batchyard.ledger._ledger import Ledger

__all__ = ["PATIENCE", "work"]

PATIENCE = 30.0
"""Seconds in which a worker that is stopped may finish what it is at."""


async def work(ledger: Ledger, stop: asyncio.Event, *, patience: float = PATIENCE) -> bool:
    """Follow the ledger's batches until *stop* is set; whether all that was begun is done.

    What could not be finished in *patience* seconds is cancelled, and taken up
    by another worker where this one left it.
    """
    following = asyncio.create_task(ledger.tracker.run())
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({following, told}, return_when=asyncio.FIRST_COMPLETED)
        ledger.tracker.stop()
        async with asyncio.timeout(patience):
            await following
            await ledger.tracker.finish()
    except TimeoutError:
        return False
    finally:
        told.cancel()
        following.cancel()
    return True
