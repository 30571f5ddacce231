"""A key as the ledger has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from sqlalchemy import RowMapping

from batchyard.models import Identity, KeyLimits

__all__ = ["KeyRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    id: str
    name: str
    hint: str
    owner: str
    team: str | None
    tags: tuple[str, ...]
    models: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    limits: KeyLimits
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    former_until: float | None

    @classmethod
    def of(cls, row: RowMapping | Mapping[str, Any]) -> Self:
        values = {one.name: row[one.name] for one in fields(cls)}
        for name in ("tags", "models", "accounts"):
            if values[name] is not None:
                values[name] = tuple(values[name])
        values["limits"] = KeyLimits.model_validate(values["limits"])
        return cls(**values)

    @property
    def identity(self) -> Identity:
        return Identity(self.owner, self.team, self.tags, self.id)

    def state(self, now: float) -> Literal["valid", "revoked", "expired"]:
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "valid"
