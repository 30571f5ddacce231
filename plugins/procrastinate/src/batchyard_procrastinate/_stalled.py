"""What workers had begun when they died is queued again: Procrastinate leaves it where it is."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager

__all__ = ["reschedule"]

log = logging.getLogger("batchyard_procrastinate")


async def reschedule(manager: JobManager, queue: str, stalled_after: float) -> None:
    """Queue again what workers had begun that have not been heard of for that many seconds."""
    stalled = await manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=stalled_after)
    for job in stalled:
        try:
            await manager.retry_job(job, retry_at=datetime.now(UTC))
        except ConnectorException:
            # the same id was dispatched since and waits, another worker was quicker, or the job
            # has ended after all; if it is still there at the next look, it is tried again
            log.debug("job %s is not rescheduled", job.id, exc_info=True)
        else:
            log.info("%s is queued again: its worker has died", job.task_kwargs.get("name"))
