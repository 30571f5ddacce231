"""Waiting for a batch in a ledger, and following the ledger where nobody else does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol

from batchyard.effects import Clock
from batchyard.errors import BatchyardError, WaitTimeoutError
from batchyard.models import Batch

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["watch"]

log = logging.getLogger("batchyard.client")

PAUSE = 5.0
"""The longest pause in seconds between two looks while one waits."""

IDLE = 1.0
"""The pause in seconds where nothing of what is due can be done here."""

LEFT_ALONE = 30.0
"""Seconds after which what a worker should have done is done here: it may lack the account."""

SOON = 0.05
"""The shortest pause in seconds: the next thing may be due at once."""


class Place(Protocol):
    """A desk: see :mod:`batchyard.client._desks`."""

    @property
    def owner(self) -> str | None: ...

    @property
    def clock(self) -> Clock: ...

    def once(self, message: str) -> bool: ...

    async def ledger(self) -> Ledger: ...


async def watch(desk: Place, batch_id: str, limit: float | None) -> AsyncGenerator[Batch, None]:
    """The batch as it changes, until it is settled and its events are delivered.

    Where no worker follows the ledger's batches, this does: all of them.  What
    may pass, such as a busy database, is waited out.  Raises
    :class:`WaitTimeoutError` when the caller's time, in seconds, runs out.
    """
    ledger = await desk.ledger()
    time = _Time(desk.clock, limit)
    worked = False
    while True:
        pause = PAUSE
        try:
            batch = await ledger.retrieve_batch(batch_id, owner=desk.owner)
            settled = batch.terminal and (await ledger.batch(batch_id)).phase == "settled"
        except BatchyardError as error:
            _passing(error)
        else:
            yield batch
            if settled:
                await _flush(ledger, [one for one in (batch_id, batch.input_file_id) if one])
                return
            time.check(batch, worked=worked)
            pause = await _work(desk, ledger, batch_id, time)
            worked = True
        await desk.clock.sleep_async(min(pause, time.left))


class _Time:
    """How long the caller waits, by the client's clock."""

    def __init__(self, clock: Clock, limit: float | None) -> None:
        self.limit = limit
        self._clock = clock
        self._began = clock.now()

    @property
    def left(self) -> float:
        if self.limit is None:
            return float("inf")
        return max(0.0, self._began + self.limit - self._clock.now())

    def check(self, batch: Batch, *, worked: bool) -> None:
        """Raise when it has run out; but whoever has none is given one look at least."""
        if worked and self.left <= 0:
            raise WaitTimeoutError(
                f"the batch has not ended within {self.limit:g} s ({batch.status}); it goes on, "
                "and can be waited for again"
            )


async def _work(desk: Place, ledger: Ledger, batch_id: str, time: _Time) -> float:
    """Do what is due, unless others do; seconds until it is worth to look again.

    A step that takes longer than the caller waits is cut short: it is taken up
    where it was left, as after any other interruption.
    """
    scope = asyncio.timeout(None if time.limit is None else max(1.0, time.left))
    try:
        followed = await ledger.followed_by() is not None
        pending = await ledger.tracker.pending(batch_id)
        if pending.reason is not None and (followed or pending.late):
            _say_once(desk, batch_id, pending.reason)
        if followed and pending.late < LEFT_ALONE:
            return PAUSE
        async with scope:
            done = await ledger.tracker.step()
        due = await ledger.tracker.next_due()
    except TimeoutError:
        if not scope.expired():
            raise
        return 0.0
    except BatchyardError as error:
        _passing(error)
        return PAUSE
    if due is None:
        # what was done last may have been the settlement
        return SOON if done else PAUSE
    # what is due and was not done is others', who are at it
    soonest = SOON if done or due > desk.clock.now() else IDLE
    return min(PAUSE, max(soonest, due - desk.clock.now()))


def _say_once(desk: Place, batch_id: str, reason: str) -> None:
    if desk.once(f"{batch_id} {reason}"):
        log.warning("batch %s waits: %s", batch_id, reason)


def _passing(error: BatchyardError) -> None:
    if not error.retryable:
        raise error
    log.warning("looking again at the batch in %.0f s: %s", PAUSE, error)


async def _flush(ledger: Ledger, subjects: list[str]) -> None:
    if not await ledger.outbox.flush(subjects=subjects):
        log.warning(
            "not all events of %s could be delivered; `batchyard worker` goes on trying",
            subjects[0],
        )
