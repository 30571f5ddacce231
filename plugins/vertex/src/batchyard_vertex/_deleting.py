"""Deleting files and jobs, and what is left of both when nobody needs it any more."""

from __future__ import annotations

import tempfile
from contextlib import aclosing
from functools import partial

from batchyard.effects import Blocking
from batchyard.errors import NotFinishedError, NotFoundError, PermissionDeniedError
from batchyard.models import TERMINAL_STATUSES, BatchDeleted, FileDeleted, Ref
from batchyard.steps import BytesSource, FileSource, call, retrying
from batchyard_vertex._batches import ended_job, job_url, jobs_of, retrieve_job
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._folder import Folder, listed
from batchyard_vertex._jobs import Job, input_of
from batchyard_vertex._names import JobId, Places, ResultId, Role, job_id
from batchyard_vertex._wire import Wire
from batchyard_vertex.storage import Bucket
from batchyard_vertex.translation import Ended, result_lines

__all__ = ["delete_batch", "delete_input", "delete_results"]


async def delete_input(wire: Wire, places: Places, file_id: str) -> FileDeleted:
    """Delete the lines, and the map of their ids unless the results of a job are read with it."""
    bucket = Bucket(wire)
    # the record last: while it is there, a delete that broke off can be called again
    await bucket.delete(places.original(file_id))
    await bucket.delete(places.input(file_id))
    if not await _is_needed(wire, places, file_id):
        await bucket.delete(places.ids(file_id))
    if not await bucket.delete(places.record(file_id)):
        raise NotFoundError(f"there is no file {file_id!r}", status=404, param="file_id")
    return FileDeleted(id=file_id)


async def delete_results(wire: Wire, places: Places, ref: Ref, result: ResultId) -> FileDeleted:
    """Delete one of a job's two files; the other can still be read."""
    ended = await ended_job(wire, places, ref, result)
    ended.check()
    if ended.output is None:
        # the job wrote nothing: what there is to read is made of the map of ids
        return FileDeleted(id=ref.id)
    bucket, role = Bucket(wire), result.role
    folder = await listed(bucket, ended.output)
    gone = [] if role == "error" else folder.written
    if folder.is_deleted(role) and not gone:
        raise NotFoundError(f"there is no file {ref.id!r}", status=404, param="file_id")
    if not folder.is_deleted(role):
        if role == "output" and not folder.is_deleted("error"):
            await _keep_errors(bucket, places, folder, ended, result.job)
        await bucket.store(folder.mark(role), BytesSource(b""))
    if role == "error" and folder.kept in folder.objects:
        gone = [folder.kept]
    for name in gone:
        await bucket.delete(name)
    other: Role = "error" if role == "output" else "output"
    if folder.is_deleted(other):
        await _forget(wire, places, ended.input, result.job)
    return FileDeleted(id=ref.id)


async def _keep_errors(
    bucket: Bucket, places: Places, folder: Folder, ended: Ended, job: JobId
) -> None:
    """Write the error file down, as it is now: what it is read from is to be deleted."""
    with tempfile.TemporaryFile(prefix="batchyard-") as file:
        async with aclosing(result_lines(bucket, places, ResultId("error", job), ended)) as pieces:
            async for piece in pieces:
                await Blocking(partial(file.write, piece))
        file.seek(0)
        # what a delete that broke off has left may be older than some of the rows
        if folder.kept in folder.objects:
            await bucket.delete(folder.kept)
        await bucket.store(folder.kept, FileSource(file))


async def delete_batch(wire: Wire, places: Places, batch: Ref) -> BatchDeleted:
    """Delete a job that has ended, with all that it wrote."""
    identity = job_id(batch.id, wire.settings.location)
    job = await retrieve_job(wire, places, identity)
    if job.status not in TERMINAL_STATUSES:
        raise NotFinishedError(f"the batch is {job.status}; cancel it before it is deleted")
    bucket = Bucket(wire)
    output = places.own(job.directory) if job.directory else None
    if output is not None:
        for name in (await listed(bucket, output)).objects:
            await bucket.delete(name)
    file_id = input_of(job, places)
    if file_id is not None:
        await _forget(wire, places, file_id, identity)
    # the job last: while it is there, a delete that broke off can be called again
    await _delete_job(wire, identity)
    return BatchDeleted(id=batch.id)


async def _delete_job(wire: Wire, identity: JobId) -> None:
    async def attempt() -> None:
        try:
            await wire.sent(
                lambda: wire.request("DELETE", job_url(wire, identity)),
                lambda request: call(request, google_refusal),
            )
        except NotFoundError:
            # gone by an attempt before, whose reply was lost
            return

    await retrying(attempt, wire.backoff)


async def _forget(wire: Wire, places: Places, file_id: str, job: JobId) -> None:
    """Delete the map of ids of a file that is gone, if no job but this needs it."""
    bucket = Bucket(wire)
    try:
        await bucket.metadata(places.record(file_id))
    except NotFoundError:
        if not await _is_needed(wire, places, file_id, job):
            await bucket.delete(places.ids(file_id))


async def _is_needed(wire: Wire, places: Places, file_id: str, but: JobId | None = None) -> bool:
    """Whether results of a job, *but* of one, are still to be read with the file's map of ids."""
    bucket = Bucket(wire)
    try:
        async with aclosing(jobs_of(wire, file_id)) as jobs:
            async for job in jobs:
                if job.id != but and await _has_results(bucket, places, job):
                    return True
    except PermissionDeniedError:
        # nobody knows
        return True
    return False


async def _has_results(bucket: Bucket, places: Places, job: Job) -> bool:
    output = places.own(job.directory) if job.directory else None
    if job.status not in TERMINAL_STATUSES or output is None:
        return True
    folder = await listed(bucket, output)
    return not (folder.is_deleted("output") and folder.is_deleted("error"))
