"""Batches as this service makes and shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from batchyard.effects import Plan, Reply
from batchyard.errors import BadRequestError, IdempotencyError, InputError
from batchyard.models import Batch, BatchRequest, Call, ExpiresAfter, Ref
from batchyard.steps import create_once, openai_wire
from batchyard_azure._addresses import blob_url
from batchyard_azure._blobs import UNWRITTEN, Blobs
from batchyard_azure._lines import v1_endpoint
from batchyard_azure._settings import Settings

__all__ = ["create_from_blob", "find_batch", "kept", "presented", "with_expiry"]

ENQUEUED = {
    "enqueued_tokens": "deployment-enqueued-tokens",
    "max_enqueued_tokens": "deployment-maximum-enqueued-tokens",
}
"""Headers of a create: how full the deployment's queue is, about."""

FILTERED = "2025-04-01-preview"
"""The version of the API that has ``$filter`` in its lists."""

WINDOW = 60.0
"""Seconds after a send for which what it may have made is looked for, at least."""

SKEW = 60
"""Seconds by which the service's clock may be behind ours."""


def kept(made: Any, reply: Reply) -> Any:
    """A batch that was just created, with what the headers say of the queue."""
    found = {
        name: int(reply.headers[header])
        for name, header in ENQUEUED.items()
        if reply.headers.get(header, "").isdecimal() and len(reply.headers[header]) < 20
    }
    if not found or not isinstance(made, Batch):
        return made
    return made.model_copy(update={"provider_state": {**(made.provider_state or {}), **found}})


def presented(batch: Batch) -> Batch:
    """The batch with its endpoint as OpenAI writes it, and with its blobs for files.

    The endpoint may be empty here, and blobs are named before they are written.
    """
    changes: dict[str, Any] = {}
    ran = batch.status != "failed" or batch.in_progress_at is not None or _counted(batch)
    if not ran and (batch.output_file_id or batch.error_file_id):
        # a batch that failed validation may still name files, which hold nothing of it
        changes |= {"output_file_id": None, "error_file_id": None}
    endpoint = v1_endpoint(batch.endpoint) if batch.endpoint else None
    if endpoint != batch.endpoint:
        changes["endpoint"] = endpoint
    source = _blob(batch, "input_blob")
    if source is not None and batch.input_file_id is None:
        changes["input_file_id"] = source
        if batch.terminal and ran:
            output = batch.output_file_id or _blob(batch, "output_blob")
            errors = batch.error_file_id or _blob(batch, "error_blob")
            changes |= {"output_file_id": output, "error_file_id": errors}
            state = {**(batch.provider_state or {}), UNWRITTEN: _unwritten(batch, output, errors)}
            changes["provider_state"] = state
    return batch.model_copy(update=changes) if changes else batch


def _counted(batch: Batch) -> bool:
    """Whether it counts lines that were carried out, whatever else it says or leaves out."""
    counts = batch.request_counts
    return counts is not None and counts.completed + counts.failed > 0


def _unwritten(batch: Batch, output: str | None, errors: str | None) -> list[str]:
    """Blobs that are named and need not be there: what a completed batch had no lines for."""
    counts = batch.request_counts
    if batch.status != "completed":
        # what it had answered by then is written, sooner or later
        return []
    found = [errors] if counts is None or not counts.failed else []
    if counts is not None and counts.failed and not counts.completed:
        found.append(output)
    return [one for one in found if one is not None]


def _blob(batch: Batch, name: str) -> str | None:
    """Where a blob is, by the batch's own word: no URL of one is ever put together."""
    value = (batch.model_extra or {}).get(name)
    return blob_url(value) if isinstance(value, str) and value else None


def with_expiry(settings: Settings, batch: BatchRequest) -> BatchRequest:
    """The batch with an expiry for its results, unless it has one, or the API takes none."""
    ignored = settings.dated and (settings.api_version or "") < FILTERED
    if batch.output_expires_after is not None or settings.output_expiry is None or ignored:
        return batch
    return replace(batch, output_expires_after=ExpiresAfter(settings.output_expiry))


async def create_from_blob(
    wire: openai_wire.Wire, call: Call, batch: BatchRequest, blobs: Blobs, *, metadata: bool
) -> Batch:
    """Create a batch of a blob, once: it is known by the blob."""
    body: dict[str, Any] = {
        "input_blob": batch.input_file.id,
        "output_folder": {"url": blobs.output_folder, "delimiter": "/"},
        "endpoint": batch.endpoint,
        "completion_window": batch.completion_window,
        **call.extra_body,
    }
    told = _metadata(call, batch, sent=metadata)
    if told is not None:
        body["metadata"] = told

    def send() -> Plan[Batch]:
        return wire.post(Batch, call, "batches", body=body)

    def find(since: float) -> Plan[Batch | None]:
        return openai_wire.seek_batch(wire, call, _made_of(batch.input_file.id), since)

    window = max(WINDOW, call.timeout or wire.create_timeout)
    return await create_once(send, find, wire.backoff(call), window)


def _metadata(call: Call, batch: BatchRequest, *, sent: bool) -> dict[str, str] | None:
    """What is sent of the metadata.  A ledger keeps them itself; nobody else does."""
    if sent:
        return openai_wire.marked(batch.metadata, None if batch.own_input else call.marker)
    if batch.own_input:
        return None
    if batch.metadata:
        raise InputError(
            "a batch in blob storage takes no metadata: leave them out, use a ledger, or have "
            "them sent all the same (storage.metadata)",
            param="metadata",
        )
    if call.marker is not None:
        raise IdempotencyError(
            "a batch in blob storage has no place for an idempotency key: use a ledger, or have "
            "metadata sent all the same (storage.metadata)",
            param="idempotency_key",
        )
    return None


def _made_of(url: str) -> Callable[[Batch], bool]:
    wanted = blob_url(url)
    return lambda one: _blob(one, "input_blob") == wanted


async def find_batch(
    wire: openai_wire.Wire,
    call: Call,
    marker: str,
    input_file: Ref | None,
    since: float | None,
    known: frozenset[str],
) -> Batch | None:
    """What a create left behind, in a list that begins late enough where the API has such."""
    narrowed = _since(wire, since)
    if narrowed is None:
        return await _found(wire, call, marker, input_file, since, known)
    try:
        return await _found(narrowed, call, marker, input_file, since, known)
    except BadRequestError:
        # the filter's language is a preview's: without it, only more is read
        return await _found(wire, call, marker, input_file, since, known)


async def _found(
    wire: openai_wire.Wire,
    call: Call,
    marker: str,
    input_file: Ref | None,
    since: float | None,
    known: frozenset[str],
) -> Batch | None:
    made_of = _made_of(input_file.id if input_file else "")

    def matches(one: Batch) -> bool:
        of_file = input_file is not None and (one.input_file_id == input_file.id or made_of(one))
        return of_file or openai_wire.marker_of(one) == marker

    found = await openai_wire.seek_batch(wire, call, matches, since, known)
    return None if found is None else openai_wire.unmarked(found)


def _since(wire: openai_wire.Wire, since: float | None) -> openai_wire.Wire | None:
    if since is None or wire.query.get("api-version") != FILTERED:
        return None
    query: Mapping[str, str] = {
        **wire.query,
        "$filter": f"created_at gt {int(since) - SKEW}",
    }
    return replace(wire, query=query)
