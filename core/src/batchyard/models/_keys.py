"""API keys of a gateway, as they are shown."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ApiKey", "KeyLimits"]

MOST = 2**53
"""The largest whole number that every JSON reader keeps."""


class KeyLimits(BaseModel):
    """How much one key may do.  ``None`` is no limit.

    ``enqueued_tokens`` are the estimated input tokens of its batches that have not ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    files: int | None = Field(default=None, ge=0, le=MOST)
    bytes: int | None = Field(default=None, ge=0, le=MOST)
    enqueued_tokens: int | None = Field(default=None, ge=0, le=MOST)


class ApiKey(BaseModel):
    """A key, without its secret, of which the ``hint`` is the end.  Times are Unix seconds.

    ``models`` and ``accounts`` are those that it may use; any, where there is
    ``None``.  ``secret`` is there once, when the key is created or rotated.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    hint: str
    owner: str
    team: str | None = None
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    accounts: tuple[str, ...] | None = None
    limits: KeyLimits = KeyLimits()
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    former_until: int | None = None
    secret: str | None = Field(default=None, repr=False)
