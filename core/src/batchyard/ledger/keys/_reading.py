"""Keys as the ledger has them."""

from __future__ import annotations

from sqlalchemy import or_, select

from batchyard.errors import NotFoundError
from batchyard.ledger.database import Database
from batchyard.ledger.keys._records import KeyRecord
from batchyard.ledger.keys._secrets import digest_of
from batchyard.ledger.pages import page_of
from batchyard.ledger.tables import keys
from batchyard.models import ApiKey, Page, PageRequest

__all__ = ["find_key", "key_of_secret", "keys_exist", "list_keys", "missing", "shown"]


def shown(key: KeyRecord, secret: str | None = None) -> ApiKey:
    """The key; with its *secret* only to whoever has just made it."""
    return ApiKey(
        id=key.id,
        name=key.name,
        hint=key.hint,
        owner=key.owner,
        team=key.team,
        tags=key.tags,
        models=key.models,
        accounts=key.accounts,
        limits=key.limits,
        created_at=int(key.created_at),
        expires_at=_whole(key.expires_at),
        revoked_at=_whole(key.revoked_at),
        former_until=_whole(key.former_until),
        secret=secret,
    )


def _whole(time: float | None) -> int | None:
    return None if time is None else int(time)


async def find_key(db: Database, key_id: str) -> KeyRecord:
    """Raises :class:`NotFoundError`."""
    async with db.reading() as connection:
        query = select(keys).where(keys.c.id == key_id)
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise missing(key_id)
    return KeyRecord.of(row)


def missing(key_id: str) -> NotFoundError:
    return NotFoundError(f"No such API key: {key_id}", status=404, param="id")


async def key_of_secret(db: Database, secret: str) -> KeyRecord | None:
    """The key with that secret, or that had it until not long ago; also one that is revoked.

    Looked up by digest: how long that takes tells nothing of another key.
    """
    digest = digest_of(secret)
    former = (keys.c.former_hash == digest) & (keys.c.former_until > db.clock.now())
    async with db.reading() as connection:
        query = select(keys).where(or_(keys.c.hash == digest, former))
        row = (await connection.execute(query)).mappings().first()
    return None if row is None else KeyRecord.of(row)


async def keys_exist(db: Database) -> bool:
    """Whether there was ever a key: a gateway whose keys are all revoked is open to nobody."""
    async with db.reading() as connection:
        return (await connection.execute(select(keys.c.id).limit(1))).first() is not None


async def list_keys(db: Database, page: PageRequest) -> Page[ApiKey]:
    """One page, newest first, with those that are revoked."""
    found = await page_of(db, keys, select(keys), page, owner=None)
    data = [shown(KeyRecord.of(row)) for row in found.rows]
    return Page[ApiKey](
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=found.more,
    )
