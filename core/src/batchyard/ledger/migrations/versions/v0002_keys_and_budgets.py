"""Keys, budgets, and what a file or a batch was created with besides its own fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0002"
down_revision = "0001"


def _columns() -> None:
    with op.batch_alter_table("files") as files:
        files.add_column(sa.Column("key_id", sa.String(), nullable=True))
        files.add_column(sa.Column("idempotency_key", sa.String(), nullable=True))
        files.add_column(sa.Column("fingerprint", sa.String(), nullable=True))
        files.add_column(sa.Column("hints", sa.JSON(), nullable=True))
        files.create_unique_constraint(
            "uq_files_owner_idempotency_key", ["owner", "idempotency_key"]
        )
        files.create_index("ix_files_key_id_deleted_at", ["key_id", "deleted_at"])
    with op.batch_alter_table("batches") as batches:
        batches.add_column(sa.Column("key_id", sa.String(), nullable=True))
        batches.add_column(sa.Column("enqueued_tokens", sa.BigInteger(), nullable=True))
        batches.create_index("ix_batches_key_id_phase", ["key_id", "phase"])
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("renames", sa.JSON(), nullable=True))
    with op.batch_alter_table("settlement_items") as items:
        items.add_column(sa.Column("key_id", sa.String(), nullable=True))


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("former_hash", sa.String(), nullable=True),
        sa.Column("former_until", sa.Double(), nullable=True),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=True),
        sa.Column("accounts", sa.JSON(), nullable=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("hash", name="uq_keys_hash"),
        sa.UniqueConstraint("former_hash", name="uq_keys_former_hash"),
    )
    op.create_index("ix_keys_created_at_id", "keys", ["created_at", "id"])


def _budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_budgets"),
    )
    op.create_table(
        "reservations",
        sa.Column("batch_id", sa.String(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reserved_nanos", sa.BigInteger(), nullable=False),
        sa.Column("nanos", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "budget", name="pk_reservations"),
    )
    op.create_index("ix_reservations_budget_at", "reservations", ["budget", "at"])


def upgrade() -> None:
    _columns()
    _keys()
    _budgets()
