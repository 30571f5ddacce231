"""Observing many jobs by an account's list of batches.

The list may hold a lifetime of other batches between ours, so a walk begins
right before a job that is due, and is given up at a page that shows none.  All
our jobs of a page are observed, due or not, and are due again together: what is
near in the list stays near in time, and a page always serves a hundred jobs.
An end is never believed of a list: the job is retrieved first.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import and_, select

from batchyard.errors import BatchyardError
from batchyard.ledger.accounts import Served
from batchyard.ledger.jobs import observe, observed_alike, put_off_looking
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.tables import batches, jobs
from batchyard.models import Batch, PageRequest

__all__ = ["seen_in_lists"]

log = logging.getLogger("batchyard.ledger")

PAGE = 100
"""Batches of a page (OpenAI API reference, list batches)."""

WORTH = 3
"""Due jobs for which a page is worth its request."""


async def seen_in_lists(parts: Parts, served: Served, due: list[JobRecord]) -> list[JobRecord]:
    """Observe what lists show of *due*, newest first; the rest is to be looked at one by one."""
    waiting = {job.provider_batch_id or "": job for job in due}
    alone: list[JobRecord] = []
    after: str | None = None
    walking = False
    while waiting:
        if not walking:
            after = await _right_before(parts, next(iter(waiting.values())))
        call = served.call(f"poll {served.account.name}")
        try:
            page = await served.run(served.account.list_batches(call, PageRequest(after, PAGE)))
        except BatchyardError as error:
            if not error.retryable:
                break
            # one by one they would be so many more requests to a service that has enough
            await put_off_looking(parts, list(waiting.values()), error)
            return alone
        except Exception:
            # a mistake, ours or a plugin's: looked at by themselves they may fare better
            log.exception("the list of account %s cannot be read", served.account.name)
            break
        alone.extend(await _observe_page(parts, served, page.data))
        shown = [waiting.pop(one.id) for one in page.data if one.id in waiting]
        after = page.next_after
        walking = len(shown) >= WORTH and after is not None
        if not shown:
            # lists do not show it, or no longer: it is looked at by itself
            alone.append(waiting.pop(next(iter(waiting))))
    return [*alone, *waiting.values()]


async def _right_before(parts: Parts, job: JobRecord) -> str | None:
    """The id behind which the list goes on with the job; ``None`` is the list's beginning."""
    newer = (
        select(jobs.c.provider_batch_id)
        .where(
            jobs.c.account == job.account,
            jobs.c.submitted_at > job.submitted_at,
            jobs.c.provider_batch_id.is_not(None),
        )
        .order_by(jobs.c.submitted_at)
        .limit(1)
    )
    async with parts.db.reading() as connection:
        found: str | None = (await connection.execute(newer)).scalar_one_or_none()
    return found


async def _observe_page(parts: Parts, served: Served, shown: Sequence[Batch]) -> list[JobRecord]:
    """Write down what the page says of jobs of ours that run; those that seem to have ended."""
    by_id = {one.id: one for one in shown}
    ours = await _tracked(parts, served.account.name, list(by_id))
    seen_of = [(job, by_id[job.provider_batch_id or ""]) for job in ours]
    running = [(job, seen) for job, seen in seen_of if not seen.terminal]
    same = [job for job, seen in running if _alike(job, seen)]
    if same:
        await observed_alike(parts, same)
    alone = [job for job, seen in seen_of if seen.terminal]
    for job, seen in running:
        if _alike(job, seen):
            continue
        try:
            await observe(parts, job, seen)
        except BatchyardError:
            raise
        except Exception:
            log.exception("job %s cannot be observed", job.id)
            alone.append(job)  # where it fails again, it is put off
    return alone


async def _tracked(parts: Parts, account: str, ids: Sequence[str]) -> list[JobRecord]:
    """Those that are tracked, but for those that are to be cancelled first."""
    stopping = and_(
        batches.c.cancelling_at.is_not(None) | jobs.c.twin_of.is_not(None),
        jobs.c.cancel_sent_at.is_(None),
    )
    query = (
        select(jobs)
        .join(batches, batches.c.id == jobs.c.batch_id)
        .where(jobs.c.account == account, jobs.c.provider_batch_id.in_(ids))
        .where(parts.db.tested(jobs.c.state) == "tracking", ~stopping)
    )
    async with parts.db.reading() as connection:
        return [JobRecord.of(row) for row in (await connection.execute(query)).mappings()]


def _alike(job: JobRecord, seen: Batch) -> bool:
    counts = seen.request_counts
    figures = (job.total, job.completed, job.failed)
    told = figures if counts is None else (counts.total, counts.completed, counts.failed)
    return job.status == seen.status and figures == told
