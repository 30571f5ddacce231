"""Rows of the ledger as data.  The names are the columns'; see :mod:`batchyard.ledger.tables`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

from sqlalchemy import Column, RowMapping

from batchyard.ledger.database import Lookup
from batchyard.ledger.states import JobState, Phase
from batchyard.ledger.tables import batches, files
from batchyard.models import Identity

__all__ = [
    "BATCH_BY_ID",
    "FILE_BY_ID",
    "BatchRecord",
    "FileRecord",
    "JobRecord",
    "found_by",
    "whose",
]

R = TypeVar("R", bound="_Record")


def whose(who: Identity) -> dict[str, Any]:
    """The columns that say for whom something is."""
    return {
        "owner": who.owner,
        "team": who.team,
        "tags": list(who.tags),
        "key_id": who.key,
    }


class _Record:
    """Takes from a row the columns that it has fields for."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(one.name for one in fields(cls))  # type: ignore[arg-type]  # its subclasses are dataclasses

    @classmethod
    def of(cls, row: RowMapping | Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.names()})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord(_Record):
    id: str
    owner: str
    team: str | None
    tags: list[str]
    key_id: str | None
    purpose: str
    filename: str
    bytes: int
    lines: int | None
    refused: int
    digest: str | None
    index_digest: str | None
    endpoint: str | None
    models: dict[str, int]
    sent_bytes: int | None
    batch_id: str | None
    idempotency_key: str | None
    fingerprint: str | None
    hints: dict[str, Any] | None
    created_at: float
    expires_at: float | None
    deleted_at: float | None

    def gone(self, now: float) -> bool:
        """Deleted, or expired."""
        expired = self.expires_at is not None and self.expires_at <= now
        return expired or self.deleted_at is not None

    @property
    def sent_name(self) -> str:
        """The store's name of what a provider is sent."""
        part = "content.jsonl" if self.sent_bytes is None else "sent.jsonl"
        return f"{self.id}/{part}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord(_Record):
    id: str
    owner: str
    team: str | None
    tags: list[str]
    key_id: str | None
    metadata: dict[str, str] | None
    account: str
    provider: str
    endpoint: str
    completion_window: str
    input_file_id: str | None
    models: dict[str, int]
    idempotency_key: str | None
    fingerprint: str | None
    output_expires_after: int | None
    enqueued_tokens: int | None
    phase: Phase
    status: str
    outcome: str | None
    errors: list[dict[str, Any]]
    output_file_id: str | None
    error_file_id: str | None
    total: int | None
    completed: int
    failed: int
    usage: dict[str, Any] | None
    created_at: float
    in_progress_at: float | None
    finalizing_at: float | None
    ended_at: float | None
    expires_at: float | None
    cancelling_at: float | None
    settled_at: float | None
    observed_at: float | None
    next_at: float | None
    attempts: int
    reason: str | None
    epoch: int

    @property
    def identity(self) -> Identity:
        return Identity(self.owner, self.team, tuple(self.tags), self.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(_Record):
    id: str
    batch_id: str
    number: int
    account: str
    provider: str
    state: JobState
    marker: str
    twin_of: str | None
    models: list[str]
    renames: dict[str, str] | None
    input: str | None
    provider_file_id: str | None
    provider_file_state: dict[str, Any] | None
    provider_batch_id: str | None
    provider_state: dict[str, Any] | None
    status: str | None
    output_file_id: str | None
    error_file_id: str | None
    errors: list[dict[str, Any]]
    total: int | None
    completed: int
    failed: int
    created_at: float
    sent_at: float | None
    sends: int
    submitted_at: float | None
    started_at: float | None
    expected_by: float | None
    observed_at: float | None
    missing_since: float | None
    stalled_at: float | None
    twins_at: float | None
    cancel_sent_at: float | None
    ended_at: float | None
    next_at: float | None
    attempts: int
    reason: str | None
    epoch: int

    @property
    def asked_models(self) -> tuple[str, ...]:
        """The models that its provider is asked for: the lines', by the account's names."""
        renames = self.renames or {}
        return tuple(dict.fromkeys(renames.get(one, one) for one in self.models))


def found_by(key: Column[str], kind: type[R]) -> Lookup[R]:
    """How one of these records is found by a column that is unique."""
    table = key.table
    return Lookup(key, [table.c[name] for name in kind.names()], kind.of)


BATCH_BY_ID = found_by(batches.c.id, BatchRecord)

FILE_BY_ID = found_by(files.c.id, FileRecord)
