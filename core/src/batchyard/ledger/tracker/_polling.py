"""One sweep over an account's jobs: what the provider says of those that are due.

A page of a list costs one request for a hundred jobs, and a look at a single one
costs one too; so a sweep lists where several are due, and looks at the others.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from sqlalchemy import select

from batchyard.errors import BatchyardError, NotFoundError
from batchyard.ledger.accounts import Served
from batchyard.ledger.database import release_lease, renew_lease, take_lease
from batchyard.ledger.jobs import (
    cancel_job,
    look_for_twins,
    lost,
    observe,
    put_off_looking,
)
from batchyard.ledger.leasing import granted, kept
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.tables import batches, jobs
from batchyard.ledger.tracker._listing import seen_in_lists
from batchyard.models import Ref

__all__ = ["poll"]

log = logging.getLogger("batchyard.ledger")

SWEEP = 1000
"""Jobs of one sweep."""

LISTED = 5
"""Due jobs from which on a list is read."""

AT_ONCE = 10
"""Jobs looked at side by side."""

LEASE = 120.0
"""Seconds after which another worker takes over the account of one that died."""

CANCEL_AGAIN = 60.0
"""Seconds after which a cancel is sent again that the provider shows nothing of."""


async def poll(parts: Parts, account: str) -> int:
    """Look at the account's jobs that are due; how many have been looked at.

    One sweep at a time: where another sweeps the account, here or elsewhere, nothing is done.
    """
    parts.accounts.get(account)  # one that is not here is left to a worker that has it
    # a sweep's and not the process's, which could take its own lease again
    name, holder = f"poll:{account}", f"{parts.holder}-{secrets.token_hex(4)}"
    epoch = await granted(
        take_lease(parts.db, name, holder, LEASE), partial(release_lease, parts.db, name, holder)
    )
    if epoch is None:
        return 0
    try:
        async with kept(partial(renew_lease, parts.db, name, holder, epoch, LEASE), LEASE / 3):
            due = await _due(parts, account)
            if due:
                await _sweep(parts, account, due)
        return len(due)
    finally:
        await release_lease(parts.db, name, holder, epoch)


async def _due(parts: Parts, account: str) -> list[JobRecord]:
    """Jobs to look at, the newest first, as lists have them."""
    query = (
        select(jobs)
        .where(jobs.c.state == "tracking", jobs.c.account == account, jobs.c.next_at <= parts.now())
        .order_by(jobs.c.next_at)
        .limit(SWEEP)
    )
    async with parts.db.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = [JobRecord.of(row) for row in rows]
    return sorted(found, key=lambda one: one.submitted_at or 0, reverse=True)


async def _sweep(parts: Parts, account: str, due: list[JobRecord]) -> None:
    served = parts.accounts.get(account)
    stopping = await _stopping(parts, due)
    # what costs money as long as it runs is first, and last what may take a walk of long lists
    stopped = [job for job in due if job.id in stopping]
    await _side_by_side([_look(parts, served, job, stop=True) for job in stopped])
    others = [job for job in due if job.id not in stopping]
    alone = [job for job in others if job.twins_at is None]
    twinned = [job for job in others if job.twins_at is not None]
    if len(alone) >= LISTED and served.account.supports("list_batches"):
        # lists show others too, of which some are looked at here all the same
        special = {job.id for job in [*stopped, *twinned]}
        alone = [job for job in await seen_in_lists(parts, served, alone) if job.id not in special]
    looks = [_look(parts, served, job, stop=False) for job in [*alone, *twinned]]
    await _side_by_side(looks)


async def _stopping(parts: Parts, due: Sequence[JobRecord]) -> frozenset[str]:
    """Those that are to be cancelled, because their batch is, or since they should not exist."""
    wanted = select(jobs.c.id).join(batches, batches.c.id == jobs.c.batch_id)
    wanted = wanted.where(
        jobs.c.id.in_([job.id for job in due]),
        batches.c.cancelling_at.is_not(None) | jobs.c.twin_of.is_not(None),
    )
    async with parts.db.reading() as connection:
        found = set((await connection.execute(wanted)).scalars())
    now = parts.now()
    return frozenset(
        job.id
        for job in due
        if job.id in found
        and (job.cancel_sent_at is None or job.cancel_sent_at + CANCEL_AGAIN <= now)
        and job.status != "cancelling"
    )


async def _side_by_side(looks: Sequence[Coroutine[Any, Any, None]]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def bounded(look: Coroutine[Any, Any, None]) -> None:
        async with limit:
            await look

    await asyncio.gather(*(bounded(one) for one in looks))


async def _look(parts: Parts, served: Served, job: JobRecord, *, stop: bool) -> None:
    """Look at one job, or have it cancelled.  What goes wrong with it is no other job's."""
    try:
        await (cancel_job(parts, job) if stop else _retrieve(parts, served, job))
    except BatchyardError:
        raise
    except Exception as error:
        # a mistake, ours or a plugin's, must not end the watch over the account
        log.exception("job %s cannot be looked at", job.id)
        await put_off_looking(parts, [job], BatchyardError(f"{type(error).__name__}: {error}"))


async def _retrieve(parts: Parts, served: Served, job: JobRecord) -> None:
    """Retrieve one job, and write down what it has come to."""
    try:
        ref = Ref(job.provider_batch_id or "", job.provider_state)
        seen = await served.run(
            served.account.retrieve_batch(served.call(job.id, batch=job.batch_id), ref)
        )
        # an end is not written down before: nobody would look for a twin after it
        due = job.twins_at is not None and (seen.terminal or job.twins_at <= parts.now())
        if due and await look_for_twins(parts, served, job, seen):
            return  # both are looked at next, each under its own id
    except NotFoundError as error:
        await lost(parts, job, error)
    except BatchyardError as error:
        await put_off_looking(parts, [job], error)
    else:
        await observe(parts, job, seen)
