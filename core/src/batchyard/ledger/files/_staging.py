"""Accepting a file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from batchyard.errors import IdempotencyError
from batchyard.ledger import keys
from batchyard.ledger.files._orders import FileOrder, fingerprint
from batchyard.ledger.files._reading import file_of
from batchyard.ledger.ids import new_id
from batchyard.ledger.parts import Parts, Transaction, transaction
from batchyard.ledger.records import FileRecord, whose
from batchyard.ledger.staging import Arriving, Staged, stage
from batchyard.ledger.tables import files
from batchyard.models import FileEvent, FileObject, Identity
from batchyard.sources import Source

__all__ = ["Received", "create", "discard", "receive"]


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is in the store, and not in the ledger yet."""

    id: str
    staged: Staged


async def receive(
    parts: Parts,
    source: Source | Arriving,
    *,
    checked: bool = True,
    models: Collection[str] | None = None,
    max_bytes: int | None = None,
) -> Received:
    """Put a file into the store, and write nothing down; see :func:`.staging.stage`.

    What nobody creates or discards is swept after a day.
    """
    file_id = new_id("file-")
    staged = await stage(
        parts.store,
        file_id,
        source,
        gates=parts.gates,
        checked=checked,
        max_bytes=max_bytes,
        models=models,
    )
    return Received(file_id, staged)


async def discard(parts: Parts, received: Received) -> None:
    """Leave nothing of a file that is not to be created after all."""
    await asyncio.to_thread(parts.store.delete_all, received.id)


async def create(
    parts: Parts, who: Identity, source: Source | Received, order: FileOrder
) -> FileObject:
    """Stage the file, unless it was received: bytes first, so that what is listed is there.

    Under an idempotency key, the file that was created with it.  Raises
    :class:`InvalidLinesError` with all bad lines of a file for a batch, and
    :class:`IdempotencyError` for a key that was used for something else; nothing
    of a refused file is kept.
    """
    received = source
    if not isinstance(received, Received):
        received = await receive(parts, received, checked=order.purpose == "batch")
    try:
        return await _recorded(parts, who, order, _row(received, who, order))
    except IntegrityError:
        # the key was used before, or at the same time: of two uploads the first counts
        await discard(parts, received)
        return await _same(parts, who, order, fingerprint(order, received.staged))
    except BaseException:
        await discard(parts, received)
        raise


async def _recorded(
    parts: Parts, who: Identity, order: FileOrder, row: dict[str, Any]
) -> FileObject:
    expires = order.expires_after
    async with transaction(parts) as tx:
        # not before: who waits for another's turn may find the key ended, and its row is the later
        now = tx.now()
        row["created_at"] = now
        row["expires_at"] = None if expires is None else now + expires.seconds
        key = await keys.using(tx.connection, who)
        if key is not None:
            keys.valid(key, now)
        if order.idempotency_key is not None:
            await _free(tx, who.owner, order.idempotency_key)
        made = await tx.connection.execute(insert(files).values(**row).returning(*files.c))
        file = file_of(FileRecord.of(made.mappings().one()))
        if key is not None:
            # only now: what was uploaded before under the same key for it takes no room
            await keys.check_room(tx.connection, key, row["bytes"], now, besides=file.id)
        event = FileEvent(
            hook="file_created", at=now, provider="", account="", file=file, identity=who
        )
        tx.record(event, subject=file.id, owner=who.owner)
    return file


async def _free(tx: Transaction, owner: str, key: str) -> None:
    """The key of a file that is gone can be used again."""
    gone = or_(files.c.deleted_at.is_not(None), files.c.expires_at <= tx.now())
    used = (files.c.owner == owner, files.c.idempotency_key == key, gone)
    await tx.connection.execute(update(files).where(*used).values(idempotency_key=None))


async def _same(parts: Parts, who: Identity, order: FileOrder, wanted: str) -> FileObject:
    query = select(files).where(
        files.c.owner == who.owner, files.c.idempotency_key == order.idempotency_key
    )
    async with parts.db.reading() as connection:
        found = FileRecord.of((await connection.execute(query)).mappings().one())
    if found.fingerprint != wanted:
        raise IdempotencyError(
            f"the key was used for something else (file {found.id}); choose another one",
            param="idempotency_key",
        )
    return file_of(found).model_copy(update={"replayed": True})


def _row(received: Received, who: Identity, order: FileOrder) -> dict[str, Any]:
    staged = received.staged
    keyed = order.idempotency_key is not None
    return {
        **whose(who),
        "id": received.id,
        "purpose": order.purpose,
        "filename": order.filename,
        "idempotency_key": order.idempotency_key,
        "fingerprint": fingerprint(order, staged) if keyed else None,
        "hints": None if order.hints is None else dict(order.hints),
        "bytes": staged.bytes,
        "lines": staged.lines,
        "refused": staged.refused,
        "digest": staged.digest,
        "index_digest": staged.index_digest,
        "endpoint": staged.endpoint,
        "models": staged.models,
        "sent_bytes": staged.sent_bytes,
    }
