"""What a key may do, asked in the transaction of what it does."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.errors import AuthenticationError, PermissionDeniedError, RateLimitError
from batchyard.ledger.keys._records import KeyRecord
from batchyard.ledger.tables import batches, files, keys
from batchyard.models import Identity

__all__ = ["check_accounts", "check_models", "check_queue", "check_room", "using", "valid"]

MOST_COUNTED = 1000
"""Models of a file that are known by name; there may be others."""


async def using(
    connection: AsyncConnection, who: Identity, *, lock: bool = True
) -> KeyRecord | None:
    """The key that is used, as it is now; locked, if it has limits that two uses could pass."""
    if who.key is None:
        return None
    query = select(keys).where(keys.c.id == who.key)
    row = (await connection.execute(query)).mappings().one_or_none()
    if lock and row is not None and row["limits"]:
        row = (await connection.execute(query.with_for_update())).mappings().one_or_none()
    return None if row is None else KeyRecord.of(row)


def valid(key: KeyRecord | None, now: float) -> None:
    """Raise :class:`AuthenticationError` for a key that has ended."""
    state = "valid" if key is None else key.state(now)
    if state != "valid":
        raise AuthenticationError(
            f"This API key has been {state}."
            if state == "revoked"
            else "This API key has expired.",
            status=401,
            code="invalid_api_key",
        )


def check_models(key: KeyRecord, models: Collection[str], *, unnamed: int) -> None:
    """Raise :class:`PermissionDeniedError` for a file that asks for a model it may not use.

    *unnamed* lines ask for none, and so for one that nobody knows.
    """
    if key.models is None:
        return
    others = sorted(set(models) - set(key.models))
    if not others and not unnamed and len(models) < MOST_COUNTED:
        return
    if others:
        what = f"The API key may not use the model {others[0]!r}."
    elif unnamed:
        what = f"{unnamed:,} lines name no model, and the API key may only use some."
    else:
        what = f"The file names {MOST_COUNTED:,} models or more; split it."
    allowed = ", ".join(key.models[:10]) + (", …" if len(key.models) > 10 else "")
    raise PermissionDeniedError(
        f"{what} It may use: {allowed or 'none'}.",
        status=403,
        code="model_not_allowed",
        param="body.model",
    )


def check_accounts(key: KeyRecord, accounts: Collection[str]) -> None:
    """Raise :class:`PermissionDeniedError` for a batch that would run where it may not."""
    others = [] if key.accounts is None else sorted(set(accounts) - set(key.accounts))
    if others:
        raise PermissionDeniedError(
            f"The API key may not use the account {others[0]!r}.",
            status=403,
            code="account_not_allowed",
        )


async def check_room(
    connection: AsyncConnection, key: KeyRecord, size: int, now: float, *, besides: str = ""
) -> None:
    """Raise :class:`RateLimitError` where one more file, of *size* bytes, is too much.

    *besides* is the id of that file, where it is among the others already.
    """
    limits = key.limits
    if limits.files is None and limits.bytes is None:
        return
    there = or_(files.c.expires_at.is_(None), files.c.expires_at > now)
    query = select(func.count(), func.coalesce(func.sum(files.c.bytes), 0)).where(
        files.c.key_id == key.id, files.c.deleted_at.is_(None), there, files.c.id != besides
    )
    count, stored = (await connection.execute(query)).one()
    if limits.files is not None and count + 1 > limits.files:
        raise _reached("files stored", limits.files, count, 1, "Delete some, or let them expire.")
    if limits.bytes is not None and stored + size > limits.bytes:
        raise _reached(
            "bytes stored", limits.bytes, int(stored), size, "Delete files, or let them expire."
        )


async def check_queue(
    connection: AsyncConnection, key: KeyRecord, tokens: int, *, besides: str = ""
) -> None:
    """Raise :class:`RateLimitError` where a batch of so many input tokens is too much.

    *besides* is the id of that batch, where it is among the others already.
    """
    most = key.limits.enqueued_tokens
    if most is None:
        return
    query = select(func.coalesce(func.sum(batches.c.enqueued_tokens), 0)).where(
        batches.c.key_id == key.id, batches.c.phase == "open", batches.c.id != besides
    )
    waiting = int((await connection.execute(query)).scalar_one())
    if waiting + tokens > most:
        raise _reached(
            "enqueued tokens", most, waiting, tokens, "Try again when batches have ended."
        )


def _reached(what: str, limit: int, used: int, asked: int, advice: str) -> RateLimitError:
    """As OpenAI says it (OpenAI API guide, batch rate limits and error codes)."""
    code = "token_limit_exceeded" if what == "enqueued tokens" else "storage_limit_exceeded"
    return RateLimitError(
        f"Limit of this API key reached for {what}: "
        f"Limit {limit:,}, Used {used:,}, Requested {asked:,}. {advice}",
        status=429,
        type="tokens" if what == "enqueued tokens" else "insufficient_quota",
        code=code,
        # waiting helps only where something ends by itself
        retryable=what == "enqueued tokens",
    )
