"""What was used, what it costs, and what may be spent."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table

from batchyard.ledger.tables._columns import Document, count, maybe, metadata, text, time, who

__all__ = ["budgets", "reservations", "settlement_items", "settlements"]

settlements = Table(
    "settlements",
    metadata,
    Column("batch_id", String, ForeignKey("batches.id"), primary_key=True),
    # 0 is the settlement: the key lets there be no second one
    Column("number", Integer, primary_key=True, autoincrement=False),
    text("kind", null=False),
    time("at", null=False),
    text("state", null=False),
    Column("cost_nanos", BigInteger, nullable=True),
    count("priced_nanos"),
    text("price_version"),
    maybe("lines", BigInteger),
    Column("outcomes", JSON, nullable=False, default=dict),
    count("duplicates"),
    count("strangers"),
    count("malformed"),
    text("output_digest"),
    text("error_digest"),
    Index("ix_settlements_at", "at"),
)

settlement_items = Table(
    "settlement_items",
    metadata,
    Column("batch_id", String, primary_key=True),
    Column("settlement", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    time("at", null=False),
    # of the batch, so that usage is summed over one table
    *who(),
    text("model"),
    text("provider", null=False),
    text("account", null=False),
    text("tier", null=False),
    text("band", null=False),
    count("lines"),
    count("unknown_lines"),
    count("input_tokens"),
    count("output_tokens"),
    count("cached_tokens"),
    count("cache_write_tokens"),
    count("reasoning_tokens"),
    count("input_audio_tokens"),
    count("output_audio_tokens"),
    count("input_image_tokens"),
    count("output_image_tokens"),
    Column("rates", Document, nullable=True),
    Column("cost_nanos", BigInteger, nullable=True),
    text("reason"),
    Index("ix_settlement_items_at", "at"),
    Index("ix_settlement_items_owner_at", "owner", "at"),
)

budgets = Table(
    "budgets",
    metadata,
    # a row for each that was ever used: whoever reserves locks it
    text("name", key=True),
    time("created_at", null=False),
)

reservations = Table(
    "reservations",
    metadata,
    # no foreign key: what was spent counts for longer than its batch may be kept
    Column("batch_id", String, primary_key=True),
    text("budget", key=True),
    time("at", null=False),
    # reserved, settled, released
    text("state", null=False),
    # what was reserved, and what it counts as now
    Column("reserved_nanos", BigInteger, nullable=False),
    Column("nanos", BigInteger, nullable=False),
    Index("ix_reservations_budget_at", "budget", "at"),
)
