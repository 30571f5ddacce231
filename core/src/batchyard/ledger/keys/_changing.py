"""Making keys, and ending them."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from batchyard.errors import ConflictError, InputError
from batchyard.ledger.database import Database
from batchyard.ledger.ids import new_id
from batchyard.ledger.keys._orders import KeyOrder, check_order
from batchyard.ledger.keys._reading import missing, shown
from batchyard.ledger.keys._records import KeyRecord
from batchyard.ledger.keys._secrets import digest_of, hint_of, new_secret
from batchyard.ledger.tables import keys
from batchyard.models import ApiKey

__all__ = ["create", "revoke", "rotate"]

LONGEST_GRACE = 30 * 86_400.0
"""Seconds for which the secret before may still be taken."""


async def create(db: Database, order: KeyOrder) -> ApiKey:
    """A new key, with its secret.  Raises :class:`InputError`."""
    now = db.clock.now()
    check_order(order, now)
    key_id, secret = new_id("key_"), new_secret()
    values = {
        "id": key_id,
        "name": order.name,
        "hash": digest_of(secret),
        "hint": hint_of(secret),
        "owner": key_id if order.owner is None else order.owner,
        "team": order.team,
        "tags": list(order.tags),
        "models": None if order.models is None else list(order.models),
        "accounts": None if order.accounts is None else list(order.accounts),
        "limits": order.limits.model_dump(exclude_none=True),
        "created_at": now,
        "expires_at": order.expires_at,
    }
    async with db.writing() as connection:
        made = await connection.execute(insert(keys).values(**values).returning(*keys.c))
        return shown(KeyRecord.of(made.mappings().one()), secret)


async def revoke(db: Database, key_id: str) -> ApiKey:
    """End the key, for good; one that is revoked stays as it is.

    Its files and batches stay, and what runs goes on.  Raises :class:`NotFoundError`.
    """
    async with db.writing() as connection:
        mine = (keys.c.id == key_id, keys.c.revoked_at.is_(None))
        # nothing that was its secret is to open anything again
        ended = {"revoked_at": db.clock.now(), "former_hash": None, "former_until": None}
        await connection.execute(update(keys).where(*mine).values(**ended))
        query = select(keys).where(keys.c.id == key_id)
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise missing(key_id)
    return shown(KeyRecord.of(row))


async def rotate(db: Database, key_id: str, *, grace: float = 0.0) -> ApiKey:
    """The key with a new secret; the one before is taken for *grace* seconds more.

    Raises :class:`NotFoundError`, and :class:`ConflictError` for one that is revoked.
    """
    if not 0 <= grace <= LONGEST_GRACE:
        raise InputError(
            f"'grace' must be from 0 to {LONGEST_GRACE:,.0f} seconds.",
            code="invalid_value",
            param="grace",
        )
    secret = new_secret()
    async with db.writing() as connection:
        query = select(keys).where(keys.c.id == key_id).with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise missing(key_id)
        if row["revoked_at"] is not None:
            raise ConflictError(
                f"{key_id} is revoked; create another key",
                status=409,
                code="key_revoked",
                retryable=False,
            )
        values = {
            "hash": digest_of(secret),
            "hint": hint_of(secret),
            "former_hash": row["hash"] if grace else None,
            "former_until": db.clock.now() + grace if grace else None,
        }
        statement = update(keys).where(keys.c.id == key_id).values(**values).returning(*keys.c)
        changed = (await connection.execute(statement)).mappings().one()
    return shown(KeyRecord.of(changed), secret)
