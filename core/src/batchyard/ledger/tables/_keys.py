"""Who may call."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Table

from batchyard.ledger.tables._columns import Document, Text, metadata, text, time

__all__ = ["keys"]

keys = Table(
    "keys",
    metadata,
    text("id", key=True),
    text("name", null=False),
    # SHA-256 of the secret, in hex; the one before it, while both are taken
    Column("hash", Text, nullable=False, unique=True),
    Column("former_hash", Text, nullable=True, unique=True),
    time("former_until"),
    # its last characters, to tell keys apart
    text("hint", null=False),
    Column("owner", Text, nullable=False, default=""),
    text("team"),
    Column("tags", JSON, nullable=False, default=list),
    # what it may use; anything, where there is none
    Column("models", Document, nullable=True),
    Column("accounts", Document, nullable=True),
    Column("limits", JSON, nullable=False, default=dict),
    time("created_at", null=False),
    time("expires_at"),
    time("revoked_at"),
    Index("ix_keys_created_at_id", "created_at", "id"),
)
