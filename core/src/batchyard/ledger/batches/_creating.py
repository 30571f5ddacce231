"""From an order to a batch with its jobs, as intents.  No provider is called."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from batchyard.errors import IdempotencyError, NotFoundError
from batchyard.ledger.batches._admission import Admitted, admitted, booked
from batchyard.ledger.batches._orders import (
    BatchOrder,
    check_file,
    check_order,
    check_size,
    fingerprint,
)
from batchyard.ledger.files import find_file
from batchyard.ledger.ids import new_id
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import BatchRecord, FileRecord, whose
from batchyard.ledger.routing import ANYTHING, Allowed, Carried, Route
from batchyard.ledger.tables import batches, files, jobs
from batchyard.models import ExpiresAfter, Identity, Limits

__all__ = ["create", "job_values"]

WINDOW = 24 * 3600.0
"""Seconds after which a job that no provider has taken yet is told of as stalled."""


async def create(
    parts: Parts,
    who: Identity,
    order: BatchOrder,
    *,
    owner: str | None,
    allowed: Allowed = ANYTHING,
) -> tuple[BatchRecord, bool]:
    """The new batch or, under an idempotency key, the one that was created with it.

    And whether it was there before.  ``allowed`` is what the caller may use.
    Raises :class:`InputError` for what cannot become a batch,
    :class:`IdempotencyError` for a key that was used for something else.
    """
    try:
        file = await find_file(parts, order.input_file_id, owner=owner, param="input_file_id")
    except NotFoundError:
        if (found := await _of_a_gone_file(parts, who, order)) is None:
            raise
        return found, True
    print_of = fingerprint(order, file)
    if order.idempotency_key is not None:
        async with parts.db.reading() as connection:
            found = await _keyed(connection, who.owner, order.idempotency_key)
        if found is not None:
            return _same(found, print_of), True
    route = _routed(parts, who, order, file, allowed)
    terms = await admitted(parts, who, order, file, route)
    try:
        async with transaction(parts) as tx:
            return await _insert(parts, tx, order, file, route, terms), False
    except IntegrityError:
        # the same key, at the same time: of two creates the first counts
        async with parts.db.reading() as connection:
            found = await _keyed(connection, who.owner, order.idempotency_key or "")
        if found is None:
            raise
        return _same(found, print_of), True


def _routed(
    parts: Parts,
    who: Identity,
    order: BatchOrder,
    file: FileRecord,
    allowed: Allowed,
) -> Route:
    def check(limits: Limits, content: Carried) -> None:
        check_order(order, limits)
        check_file(file, order)
        check_size(file, content, limits)

    key = order.idempotency_key
    return parts.routing.route(
        order.all_hints,
        file,
        check,
        endpoint=order.endpoint,
        # of two creates with one key at the same time both choose alike
        seed=None if key is None else f"{who.owner}\0{key}",
        allowed=allowed,
    )


async def _keyed(connection: Any, owner: str, key: str) -> BatchRecord | None:
    query = select(batches).where(batches.c.owner == owner, batches.c.idempotency_key == key)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else BatchRecord.of(row)


async def _of_a_gone_file(parts: Parts, who: Identity, order: BatchOrder) -> BatchRecord | None:
    """What the key made of a file that has been deleted since: a replay needs no file."""
    if order.idempotency_key is None:
        return None
    query = select(files).where(files.c.id == order.input_file_id)
    async with parts.db.reading() as connection:
        found = await _keyed(connection, who.owner, order.idempotency_key)
        row = (await connection.execute(query)).mappings().one_or_none()
    if found is None or row is None or found.input_file_id != order.input_file_id:
        return None
    return _same(found, fingerprint(order, FileRecord.of(row)))


def _same(found: BatchRecord, wanted: str) -> BatchRecord:
    if found.fingerprint != wanted:
        raise IdempotencyError(
            f"the key was used for something else (batch {found.id}); choose another one",
            param="idempotency_key",
        )
    return found


async def _insert(
    parts: Parts,
    tx: Transaction,
    order: BatchOrder,
    file: FileRecord,
    route: Route,
    terms: Admitted,
) -> BatchRecord:
    now = tx.now()
    await _still_there(tx, file)
    expires = order.output_expires_after
    values = {
        "id": new_id("batch_"),
        **whose(terms.who),
        "enqueued_tokens": terms.enqueued_tokens,
        "metadata": None if order.metadata is None else dict(order.metadata),
        "account": route.served.account.name,
        "provider": route.served.account.provider,
        "endpoint": order.endpoint,
        "completion_window": order.completion_window,
        "input_file_id": file.id,
        "models": file.models,
        "idempotency_key": order.idempotency_key,
        "fingerprint": fingerprint(order, file),
        "output_expires_after": expires.seconds if isinstance(expires, ExpiresAfter) else None,
        "phase": "open",
        "status": "validating",
        "total": file.lines,
        "created_at": now,
        "observed_at": now,
    }
    # first the batch: under an idempotency key that was used there is nothing to be paid twice
    made = await tx.connection.execute(insert(batches).values(**values).returning(*batches.c))
    batch = BatchRecord.of(made.mappings().one())
    await booked(parts, tx, batch.id, terms)
    await tx.connection.execute(insert(jobs).values(**job_values(batch, file, now, route.renames)))
    return batch


async def _still_there(tx: Transaction, file: FileRecord) -> None:
    """Lock the file, so that it is not deleted between the check and the batch."""
    query = select(files.c.deleted_at).where(files.c.id == file.id).with_for_update()
    row = (await tx.connection.execute(query)).one_or_none()
    if row is None or row.deleted_at is not None:
        raise NotFoundError(f"No such File object: {file.id}", status=404, param="input_file_id")


def job_values(
    batch: BatchRecord, file: FileRecord, now: float, renames: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The one job that carries the whole file.

    Where gates left nothing of it there is nothing to send, and the job has ended.
    """
    nothing = not (file.lines or 0) - file.refused
    return {
        "id": new_id("job_"),
        "batch_id": batch.id,
        "number": 0,
        "account": batch.account,
        "provider": batch.provider,
        "state": "pending",
        # random, so that it says nothing, and is found again at the provider
        "marker": f"batchyard-{secrets.token_hex(16)}",
        "models": list(file.models),
        "renames": dict(renames) if renames else None,
        "input": None if nothing else file.sent_name,
        "created_at": now,
        "expected_by": now + WINDOW,
        "next_at": now,
    }
