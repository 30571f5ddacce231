"""Taking over batches that were made elsewhere, or by a ledger that is lost."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from batchyard.errors import (
    BadRequestError,
    ConfigError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    SourceError,
    UnsupportedError,
)
from batchyard.ledger.accounts import Served
from batchyard.ledger.ids import new_id
from batchyard.ledger.jobs import announce_created, batch_of, observe, seen_values
from batchyard.ledger.parts import Parts, transaction
from batchyard.ledger.records import BatchRecord, JobRecord, whose
from batchyard.ledger.saving import save
from batchyard.ledger.staging import Staged, stage
from batchyard.ledger.tables import batches, files, jobs
from batchyard.models import Batch, Identity, PageRequest, Ref
from batchyard.steps import PathSource, pages

__all__ = ["MARK", "adopt", "rebuild"]

log = logging.getLogger("batchyard.ledger")

MARK = "batchyard-"
"""What the name of every file begins with that a ledger uploads."""

GONE = (NotFoundError, PermissionDeniedError, BadRequestError, UnsupportedError, SourceError)
"""Answers after which an input is one that cannot be read any more."""


async def adopt(
    parts: Parts, provider_batch_id: str, *, account: str | None, who: Identity
) -> BatchRecord:
    """A batch of ours for one that is at the provider; the one there is, if it is known.

    Its input is fetched, so that its results can be held against it.  Without
    it, completeness stays unknown.
    """
    served = _served(parts, account)
    known = await _known(parts, served, provider_batch_id)
    if known is not None:
        return known
    call = served.call(f"adopt {provider_batch_id}")
    seen = await served.run(served.account.retrieve_batch(call, Ref(provider_batch_id)))
    try:
        return await _take_over(parts, served, seen, who)
    except IntegrityError:
        # somebody else has taken it over meanwhile
        known = await _known(parts, served, seen.id)
        if known is None:
            raise
        return known


def _served(parts: Parts, name: str | None) -> Served:
    """The account.  Raises :class:`InputError` for one that whoever asks has made up."""
    try:
        return parts.accounts.get(name)
    except ConfigError as error:
        if name is None or parts.routing.directory.find(name) is not None:
            raise
        raise InputError(error.message, code="invalid_account", param="account") from error


async def rebuild(parts: Parts, *, account: str | None) -> list[BatchRecord]:
    """All batches at the account whose input a ledger has uploaded, and that this one lacks.

    Owners, metadata of files and what was settled are not at the provider, and
    stay lost; what the batches came to is settled anew.  What was refused for now
    is left: nothing was carried out of it, and it may have been sent again since.
    """
    served = parts.accounts.get(account)
    call = served.call("rebuild")
    taken = []
    listed = pages(lambda page: served.account.list_batches(call, page), PageRequest(limit=100))
    async for page in served.driver.stream(listed):
        for seen in page.data:
            if await _known(parts, served, seen.id) is None:
                marker = await _marker_of(served, seen)
                if marker is None or await _ours(parts, marker):
                    continue
                whole = await _by_itself(served, seen)
                if whole.refused_for_now:
                    log.info("batch %s was refused for want of room, and is left", seen.id)
                else:
                    taken.append(await _take_over(parts, served, whole, Identity()))
    return taken


async def _by_itself(served: Served, seen: Batch) -> Batch:
    """The batch; a failed one with the reason, which lists may leave out."""
    if seen.status != "failed":
        return seen
    ref = Ref(seen.id, seen.provider_state)
    try:
        return await served.run(served.account.retrieve_batch(served.call("rebuild"), ref))
    except NotFoundError:
        return seen


async def _known(parts: Parts, served: Served, provider_batch_id: str) -> BatchRecord | None:
    query = (
        select(batches)
        .join(jobs, jobs.c.batch_id == batches.c.id)
        .where(jobs.c.account == served.account.name, jobs.c.provider_batch_id == provider_batch_id)
    )
    async with parts.db.reading() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else BatchRecord.of(row)


async def _marker_of(served: Served, seen: Batch) -> str | None:
    """What a ledger marked the batch's input with, if it was one that uploaded it."""
    if seen.input_file_id is None or not served.account.supports("retrieve_file"):
        return None
    ref = Ref(seen.input_file_id, seen.provider_state)
    try:
        file = await served.run(served.account.retrieve_file(served.call("rebuild"), ref))
    except GONE:
        return None
    name = (file.filename or "").rpartition("/")[2]
    return name.removesuffix(".jsonl") if name.startswith(MARK) else None


async def _ours(parts: Parts, marker: str) -> bool:
    """Whether a job of this ledger has the marker: it finds what it made by itself."""
    query = select(jobs.c.id).where(jobs.c.marker == marker).limit(1)
    async with parts.db.reading() as connection:
        return (await connection.execute(query)).first() is not None


async def _take_over(parts: Parts, served: Served, seen: Batch, who: Identity) -> BatchRecord:
    file_id = new_id("file-")
    staged = await _input(parts, served, seen, file_id)
    now = parts.now()
    async with transaction(parts) as tx:
        if staged is not None:
            row = _file_row(file_id, who, seen, staged, now)
            await tx.connection.execute(insert(files).values(**row))
        values = _batch_row(served, who, seen, staged, now)
        values["input_file_id"] = file_id if staged is not None else None
        made = await tx.connection.execute(insert(batches).values(**values).returning(*batches.c))
        batch = BatchRecord.of(made.mappings().one())
        row = _job_row(batch, seen, now, f"{file_id}/content.jsonl" if staged else None)
        made = await tx.connection.execute(insert(jobs).values(**row).returning(*jobs.c))
        job = JobRecord.of(made.mappings().one())
        await announce_created(tx, batch, batch_of(batch, [job]), now)
    return await observe(parts, job, seen) or batch


async def _input(parts: Parts, served: Served, seen: Batch, file_id: str) -> Staged | None:
    if seen.input_file_id is None:
        return None
    call = served.call(f"adopt {seen.id}")
    ref = Ref(seen.input_file_id, seen.provider_state)
    try:
        stream = served.driver.stream(served.account.file_content(call, ref))
        with parts.store.scratch() as folder:
            path = folder / "input.jsonl"
            await save(stream, path)
            return await stage(parts.store, file_id, PathSource(path), gates=None)
    except (*GONE, InputError) as error:
        log.warning("the input of %s cannot be read: %s", seen.id, error)
        return None


def _file_row(
    file_id: str, who: Identity, seen: Batch, staged: Staged, now: float
) -> dict[str, Any]:
    return {
        "id": file_id,
        **whose(who),
        "purpose": "batch",
        "filename": f"{seen.id}_input.jsonl",
        "bytes": staged.bytes,
        "lines": staged.lines,
        "digest": staged.digest,
        "index_digest": staged.index_digest,
        "endpoint": staged.endpoint,
        "models": staged.models,
        "created_at": now,
    }


def _batch_row(
    served: Served, who: Identity, seen: Batch, staged: Staged | None, now: float
) -> dict[str, Any]:
    total = seen.request_counts.total if seen.request_counts else None
    return {
        "id": new_id("batch_"),
        **whose(who),
        "metadata": seen.metadata,
        "account": served.account.name,
        "provider": served.account.provider,
        "endpoint": seen.endpoint or (staged.endpoint if staged else None) or "",
        "completion_window": seen.completion_window or "24h",
        "models": staged.models if staged else {},
        "phase": "open",
        "status": "validating",
        "total": staged.lines if staged else total,
        "created_at": seen.created_at or now,
        "observed_at": now,
    }


def _job_row(batch: BatchRecord, seen: Batch, now: float, input_name: str | None) -> dict[str, Any]:
    return {
        "id": new_id("job_"),
        "batch_id": batch.id,
        "number": 0,
        "account": batch.account,
        "provider": batch.provider,
        "state": "tracking",
        # nothing was uploaded under a mark of ours
        "marker": f"adopted-{seen.id}",
        "models": list(batch.models) or ([seen.model] if seen.model else []),
        "input": input_name,
        "provider_file_id": seen.input_file_id,
        "provider_batch_id": seen.id,
        "created_at": seen.created_at or now,
        "submitted_at": seen.created_at or now,
        "next_at": now,
        **seen_values(seen, now),
    }
