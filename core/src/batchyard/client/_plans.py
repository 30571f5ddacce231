"""What the clients do in more than one step, written once for both colours."""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from batchyard.effects import Now, Plan, Sleep, Stream, Tell
from batchyard.errors import (
    BatchyardError,
    IdempotencyError,
    NotFoundError,
    WaitTimeoutError,
)
from batchyard.models import (
    Batch,
    BatchEvent,
    BatchRequest,
    Call,
    FileEvent,
    FileObject,
    FileUpload,
    Totals,
)
from batchyard.registry import Account

__all__ = ["Polling", "batch_marker", "create", "file_marker", "tell_batch", "upload", "watch"]

log = logging.getLogger("batchyard.client")

YOUNG = 60.0
"""Seconds for which a batch that cannot be found may just not be visible yet."""

FILES_LATE = 10.0
"""Seconds that a completed batch's files may take to be named (OpenAI shows the status first)."""


def marker_for(*parts: str) -> str:
    """What uploads and creates under an idempotency key are recognised by.

    A digest, since it is shown to the provider, and keys may say more than they should.
    """
    return hashlib.sha256("\0".join(("batchyard", *parts)).encode()).hexdigest()[:32]


def file_marker(key: str) -> str:
    """The mark in the name of a file that was uploaded under an idempotency key."""
    return marker_for("file", key)


def batch_marker(key: str) -> str:
    """The mark in the metadata of a batch that was created under an idempotency key."""
    return marker_for("batch", key)


async def upload(account: Account, call: Call, file: FileUpload) -> FileObject:
    """Upload, unless a file with the call's marker is there already."""
    if call.marker is not None:
        found = await account.find_file(call, call.marker, None)
        if found is not None:
            return found
    stored = await account.upload_file(call, file)
    if account.hears("file_created"):
        at = await Now()
        await Tell(FileEvent(hook="file_created", at=at, **_who(account), file=stored))
    return stored


async def create(account: Account, call: Call, request: BatchRequest) -> Batch:
    """Create, unless a batch with the call's marker is there already.

    Raises :class:`IdempotencyError` when that one was created for another endpoint.
    """
    if call.marker is not None:
        found = await account.find_batch(call, call.marker, None, None)
        if found is not None:
            if found.endpoint not in {None, request.endpoint}:
                raise IdempotencyError(
                    f"the key was used for {found.endpoint} (batch {found.id}), "
                    f"and is now used for {request.endpoint}",
                    param="idempotency_key",
                )
            return found
    batch = await account.create_batch(call, request)
    await tell_batch(account, "batch_created", batch)
    return batch


@dataclass(frozen=True, slots=True)
class Polling:
    """How often to look, in seconds: at first, at most, and for how long in all."""

    first: float = 0.5
    cap: float = 30.0
    factor: float = 1.5
    timeout: float | None = None


async def watch(
    account: Account, retrieve: Callable[[], Plan[Batch]], polling: Polling
) -> Stream[Batch]:
    """The batch as it is seen, again and again until it has ended.

    A failure that may pass is waited out, however long it takes: the batch goes
    on meanwhile.  Raises :class:`WaitTimeoutError` when the caller's time runs out.
    """
    began, pause = await Now(), polling.first
    seen: Batch | None = None
    while True:
        wait = pause
        try:
            batch = await retrieve()
        except BatchyardError as error:
            if not _passing(error, seen, await Now() - began):
                raise
            log.warning("looking again at the batch in %.0f s: %s", pause, error)
            wait = max(pause, error.retry_after or 0)
        else:
            if seen is not None and seen.status != batch.status:
                await tell_batch(account, "batch_status_changed", batch, seen.status)
            seen = batch
            yield batch
            if batch.terminal and not await _files_late(batch):
                return
        await _sleep(wait * _jitter(), began, polling.timeout, seen)
        pause = min(pause * polling.factor, polling.cap)


def _jitter() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - it keeps no secret


def _passing(error: BatchyardError, seen: Batch | None, waited: float) -> bool:
    if isinstance(error, NotFoundError):
        return seen is None and waited < YOUNG
    return error.retryable


async def _files_late(batch: Batch) -> bool:
    """Whether the batch is completed and its files may still be named."""
    if batch.status != "completed" or batch.output_file_id or batch.error_file_id:
        return False
    return batch.completed_at is not None and await Now() < batch.completed_at + FILES_LATE


async def _sleep(seconds: float, began: float, limit: float | None, seen: Batch | None) -> None:
    if limit is not None:
        left = began + limit - await Now()
        if left <= 0:
            status = seen.status if seen else "not seen yet"
            raise WaitTimeoutError(
                f"the batch has not ended within {limit:g} s ({status}); it goes on, "
                "and can be waited for again"
            )
        seconds = min(seconds, left)
    await Sleep(seconds)


async def tell_batch(
    account: Account,
    hook: str,
    batch: Batch,
    previous_status: str | None = None,
    totals: Totals | None = None,
) -> None:
    """Tell the listeners of a batch, if any of them hears *hook*."""
    if account.hears(hook):
        event = BatchEvent(
            hook=hook,
            at=await Now(),
            **_who(account),
            batch=batch,
            previous_status=previous_status,
            totals=totals,
        )
        await Tell(event)


def _who(account: Account) -> dict[str, str]:
    return {"provider": account.provider, "account": account.name}
