"""The batches API (OpenAI API reference, Batch)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from batchyard.effects import Plan
from batchyard.errors import APIStatusError, ConflictError
from batchyard.models import Batch, BatchRequest, Call, ExpiresAfter, Page, PageRequest, Ref
from batchyard.steps._pages import walk
from batchyard.steps._retry import AMBIGUITY, create_once, retrying
from batchyard.steps.openai_wire._look_up import sought
from batchyard.steps.openai_wire._markers import marked, marker_of, unmarked
from batchyard.steps.openai_wire._refused import full, judged
from batchyard.steps.openai_wire._wire import Wire

__all__ = [
    "cancel_batch",
    "create_batch",
    "find_batch",
    "list_batches",
    "retrieve_batch",
    "seek_batch",
]


async def create_batch(wire: Wire, call: Call, batch: BatchRequest) -> Batch:
    """Create, once.

    No idempotency key is honoured by the service, so after an ambiguous reply
    the batch is looked for: by the call's marker in its metadata, else by its
    input file, endpoint and metadata.  A batch with a file of its own needs no
    mark in its metadata, which stay the user's.
    """
    body = {**_body(batch), **call.extra_body}
    marker = None if batch.own_input else call.marker
    metadata = marked(body.get("metadata"), marker)
    if metadata is not None:
        body["metadata"] = metadata

    def send() -> Plan[Batch]:
        return wire.post(Batch, call, "batches", body=body)

    async def find(since: float) -> Batch | None:
        if marker is not None:
            return await find_batch(wire, call, marker, None, since)
        return await seek_batch(wire, call, lambda one: _alike(one, body), since)

    window = max(AMBIGUITY, call.timeout or wire.create_timeout)
    return _shown(await create_once(send, find, wire.backoff(call), window))


def _body(batch: BatchRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "input_file_id": batch.input_file.id,
        "endpoint": batch.endpoint,
        "completion_window": batch.completion_window,
    }
    if batch.metadata is not None:
        body["metadata"] = batch.metadata
    if batch.output_expires_after is not None:
        body["output_expires_after"] = _expiry(batch.output_expires_after)
    return body


def _expiry(expires: ExpiresAfter) -> dict[str, Any]:
    return {"anchor": expires.anchor, "seconds": expires.seconds}


def _alike(one: Batch, wanted: Mapping[str, Any]) -> bool:
    return (
        one.input_file_id == wanted["input_file_id"]
        and (not one.endpoint or _route(one.endpoint) == _route(wanted["endpoint"]))
        and (one.metadata or {}) == (wanted.get("metadata") or {})
    )


def _route(endpoint: str) -> str:
    """Some services leave the version out, or the whole endpoint, of a batch they show."""
    return endpoint.removeprefix("/v1")


async def retrieve_batch(wire: Wire, call: Call, batch: Ref) -> Batch:
    return _shown(await wire.get(Batch, call, "batches", batch.id))


async def cancel_batch(wire: Wire, call: Call, batch: Ref) -> Batch:
    """Cancel, or read a batch that can no longer be cancelled.

    Cancelling twice does no harm, so it is sent again where that may help.  What
    a service answers for a batch that has ended is not documented: any 4xx is
    followed by a read, and raised only if the batch still runs.
    """
    try:
        cancelled = await retrying(
            lambda: wire.post(Batch, call, "batches", batch.id, "cancel"), wire.backoff(call)
        )
    except APIStatusError as error:
        if isinstance(error, ConflictError) or error.status in {400, 409}:
            current = await retrieve_batch(wire, call, batch)
            if current.terminal or current.status == "cancelling":
                return current
        raise
    return _shown(cancelled)


async def list_batches(wire: Wire, call: Call, page: PageRequest) -> Page[Batch]:
    listed = await _listed(wire, call, page)
    return listed.model_copy(update={"data": [_shown(one) for one in listed.data]})


async def _listed(wire: Wire, call: Call, page: PageRequest) -> Page[Batch]:
    query = {"after": page.after, "limit": page.limit}
    return await wire.get(Page[Batch], call, "batches", query=query)


async def find_batch(
    wire: Wire,
    call: Call,
    marker: str,
    input_file: Ref | None,
    since: float | None = None,
    known: frozenset[str] = frozenset(),
) -> Batch | None:
    """The batch with *marker* in its metadata or, where a file is given, the one made of it.

    A file is given when it was uploaded for one job alone.  A batch that was
    refused for now is none: nothing was made by that create; and neither is one of
    the *known* ids.
    """

    def matches(one: Batch) -> bool:
        of_file = input_file is not None and one.input_file_id == input_file.id
        return marker_of(one) == marker or of_file

    found = await seek_batch(wire, call, matches, since, known)
    return None if found is None else _shown(found)


async def seek_batch(
    wire: Wire,
    call: Call,
    matches: Callable[[Batch], bool],
    since: float | None,
    known: frozenset[str] = frozenset(),
) -> Batch | None:
    """The batch that matches, of those made at *since* or later and not *known*.

    Its metadata are as they are.

    Of two the older, but a failed one only where all have failed, and of those the
    newest: lists may not tell why one failed, and one that was refused for want of
    room must not hide the one that was sent after it.  Raises
    :class:`~batchyard.errors.AmbiguousCreateError` when it cannot tell.
    """
    first = PageRequest(limit=100)
    async with aclosing(walk(lambda page: _listed(wire, call, page), first)) as listed:
        return await sought(listed, lambda one: matches(one) and not full(one), since, _rank, known)


def _rank(one: Batch) -> tuple[int, int, str]:
    failed, made = one.status == "failed", one.created_at or 0
    return int(failed), -made if failed else made, one.id


def _shown(batch: Batch) -> Batch:
    """Without our mark, and with what its failure means."""
    return judged(unmarked(batch))
