"""Fetching what a job's provider wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batchyard.errors import BadRequestError, NotFoundError
from batchyard.ledger.accounts import Served
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import JobRecord
from batchyard.ledger.saving import save
from batchyard.ledger.settlement import JobFiles
from batchyard.models import BatchError, Ref

__all__ = ["Fetched", "fetch"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A job's files.  ``lacks`` says what should be there and is not."""

    files: JobFiles
    lacks: str | None = None


async def fetch(parts: Parts, job: JobRecord, folder: Path) -> Fetched:
    """The job's output and error files, whatever it came to.

    A file that is named and not there, or refused for good, is lacking; any other
    failure is raised.  Credentials that fail are one: an operator can mend them.
    """
    results: list[Path] = []
    lacks = None
    if job.provider_batch_id is not None:
        served = parts.accounts.get(job.account)
        for name, file_id in (("output", job.output_file_id), ("error", job.error_file_id)):
            if file_id is None:
                continue
            path = folder / f"{job.id}-{name}.jsonl"
            try:
                await _download(served, job, file_id, path)
            except (NotFoundError, BadRequestError) as error:
                lacks = f"the {name} file {file_id} is not there: {error}"
            else:
                results.append(path)
        lacks = lacks or _unnamed(job)
    files = JobFiles(
        job.id,
        job.asked_models,
        job.status or "failed",
        tuple(BatchError(**one) for one in job.errors),
        tuple(results),
    )
    return Fetched(files, lacks)


def _unnamed(job: JobRecord) -> str | None:
    """What the job's own counts say that there must be, and it has not named yet.

    Services show the end first and the files a little later, also of a job that
    expired or was cancelled, whose answered lines are paid for like others.
    """
    if job.completed and job.output_file_id is None:
        return f"the job counts {job.completed} answers and names no output file"
    if job.status != "completed" or job.total == 0:
        return None
    if job.output_file_id is None and job.error_file_id is None:
        return "the job is completed and names no files"
    return None


async def _download(served: Served, job: JobRecord, file_id: str, path: Path) -> None:
    ref = Ref(file_id, job.provider_state)
    stream = served.driver.stream(
        served.account.file_content(served.call(job.id, batch=job.batch_id), ref)
    )
    await save(stream, path)
