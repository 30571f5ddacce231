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
    Ref,
    Totals,
)
from batchyard.registry import Account
from batchyard.steps import FileContent, gathered, uri_of

__all__ = [
    "NAMED",
    "YOUNG",
    "Polling",
    "batch_marker",
    "create",
    "fetched",
    "file_marker",
    "find",
    "tell_batch",
    "upload",
    "watch",
]

log = logging.getLogger("batchyard.client")

YOUNG = 60.0
"""Seconds for which a batch of one's own that cannot be found may just not be visible yet."""

NAMED = 15.0
"""The same for a batch of which only an id is known: it may as well be mistyped."""

HONOURED = 7 * 24 * 3600.0
"""Seconds for which an idempotency key is looked for."""

TWINS = 300.0
"""Seconds before a create in which another process's create with the same key is looked for."""

LOOK = 60.0
"""Seconds that one look at a batch may take."""

PATIENCE = 300.0
"""The longest pause between two looks, whatever the service asks for."""

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


async def fetched(account: Account, call: Call, content: FileContent) -> FileContent:
    """*content*, read by the account where it is a URI that the account knows how to read."""
    uri = uri_of(content)
    if uri is None:
        return content
    source = await gathered(account.file_content(call, Ref(uri)))
    name = content[0] if isinstance(content, tuple) else uri.partition("#")[0]
    return name.rpartition("/")[2], source


async def upload(account: Account, call: Call, file: FileUpload) -> FileObject:
    """Upload, unless a file with the call's marker is there already."""
    if call.marker is not None:
        found = await account.find_file(call, call.marker, None)
        if found is not None:
            return found
    stored = await account.upload_file(call, file)
    if account.hears("file_created"):
        at = await Now()
        await Tell(
            FileEvent(
                hook="file_created",
                at=at,
                provider=account.provider,
                account=account.name,
                file=stored,
            )
        )
    return stored


async def create(account: Account, call: Call, request: BatchRequest) -> Batch:
    """Create, unless a batch with the call's marker is there already.

    Raises :class:`IdempotencyError` when that one was created for something else.
    """
    if call.marker is not None:
        found = await find(account, call, call.marker)
        if found is not None:
            await _check_same(account, call, found, request)
            return found
    batch = await account.create_batch(call, request)
    if call.marker is not None:
        twin = await _older_twin(account, call, call.marker, batch)
        if twin is not None:
            return twin
    await tell_batch(account, "batch_created", batch)
    return batch


async def find(account: Account, call: Call, marker: str) -> Batch | None:
    """The batch with that marker, of the days for which a key is honoured."""
    return await account.find_batch(call, marker, None, await Now() - HONOURED)


async def _older_twin(account: Account, call: Call, marker: str, batch: Batch) -> Batch | None:
    """What another process created with the same key at the same time; then ours is cancelled.

    Both processes look after they have created, so both see both and settle on the older.
    """
    try:
        first = await account.find_batch(call, marker, None, await Now() - TWINS)
        if first is None or first.id == batch.id:
            return None
        log.warning("batch %s was created with the same key; %s is cancelled", first.id, batch.id)
        await account.cancel_batch(call, Ref(batch.id, batch.provider_state))
    except BatchyardError as error:
        # the batch exists: a look that fails must not make the caller believe that it does not
        log.warning("no second look for batches with the key of %s: %s", batch.id, error)
        return None
    return first


async def _check_same(account: Account, call: Call, found: Batch, request: BatchRequest) -> None:
    """Refuse a key that was used for another endpoint, or for a file of another size."""
    if found.endpoint and _route(found.endpoint) != _route(request.endpoint):
        raise IdempotencyError(
            f"the key was used for {found.endpoint} (batch {found.id}), "
            f"and is now used for {request.endpoint}",
            param="idempotency_key",
        )
    if found.input_file_id in {None, request.input_file.id}:
        return
    first = await _size(account, call, Ref(found.input_file_id or "", found.provider_state))
    if first is not None and first != (await _size(account, call, request.input_file) or first):
        raise IdempotencyError(
            f"the key was used with another file ({found.input_file_id}, batch {found.id})",
            param="idempotency_key",
        )


def _route(endpoint: str) -> str:
    return endpoint.removeprefix("/v1")


async def _size(account: Account, call: Call, file: Ref) -> int | None:
    """The file's bytes; ``None`` where nobody can say any more."""
    if not account.supports("retrieve_file"):
        return None
    try:
        return (await account.retrieve_file(call, file)).bytes
    except NotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Polling:
    """How often to look, in seconds: at first, at most, and for how long in all."""

    first: float = 0.5
    cap: float = 30.0
    factor: float = 1.5
    timeout: float | None = None


async def watch(
    account: Account,
    retrieve: Callable[[float], Plan[Batch]],
    polling: Polling,
    young: float = NAMED,
) -> Stream[Batch]:
    """The batch as it is seen, again and again until it has ended.

    ``retrieve`` is given the seconds that one look may take; for ``young``
    seconds a batch that is not found is looked for again.
    A failure that may pass is waited out, however long it takes: the batch goes
    on meanwhile.  Raises :class:`WaitTimeoutError` when the caller's time runs out.
    """
    began, pause = await Now(), polling.first
    seen: Batch | None = None
    ended: float | None = None
    while True:
        wait = pause
        try:
            batch = await retrieve(await _time_to_look(began, polling.timeout))
        except BatchyardError as error:
            if not _passing(error, seen, young=await Now() - began < young):
                raise
            log.warning("looking again at the batch in %.0f s: %s", pause, error)
            wait = min(max(pause, error.retry_after or 0), PATIENCE)
        else:
            if seen is not None and seen.status != batch.status:
                await tell_batch(account, "batch_status_changed", batch, seen.status)
            seen = batch
            yield batch
            if batch.terminal:
                ended = await Now() if ended is None else ended
                if not _lacks_files(batch) or await Now() >= ended + FILES_LATE:
                    return
        await _sleep(wait * _jitter(), began, polling.timeout, seen)
        pause = min(pause * polling.factor, polling.cap)


async def _time_to_look(began: float, limit: float | None) -> float:
    """Seconds: a minute, or what is left of the caller's time."""
    if limit is None:
        return LOOK
    return max(1.0, min(LOOK, began + limit - await Now()))


def _jitter() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - it keeps no secret


def _passing(error: BatchyardError, seen: Batch | None, *, young: bool) -> bool:
    if isinstance(error, NotFoundError):
        return seen is None and young
    return error.retryable


def _lacks_files(batch: Batch) -> bool:
    """Whether a completed batch has not named the files that its counts ask for."""
    if batch.status != "completed":
        return False
    output, errors = bool(batch.output_file_id), bool(batch.error_file_id)
    counts = batch.request_counts
    if counts is None:
        return not (output or errors)
    return not (output or errors) or (
        (counts.completed > 0 and not output) or (counts.failed > 0 and not errors)
    )


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
            provider=account.provider,
            account=account.name,
            batch=batch,
            previous_status=previous_status,
            totals=totals,
        )
        await Tell(event)
