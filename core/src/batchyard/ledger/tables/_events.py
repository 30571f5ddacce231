"""What is told, to whom, and who is at what."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, String, Table, UniqueConstraint

from batchyard.ledger.tables._columns import Number, Text, claim, count, metadata, text, time

__all__ = ["deliveries", "events", "leases", "subscriptions"]

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    # what it is about: a batch's or a file's id; its events are delivered in the order of seq
    text("subject", null=False),
    Column("seq", BigInteger, nullable=False),
    text("hook", null=False),
    time("at", null=False),
    text("account", null=False),
    Column("owner", Text, nullable=False, default=""),
    Column("body", JSON, nullable=False),
    UniqueConstraint("subject", "seq"),
    Index("ix_events_at", "at"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    text("name", key=True),
    text("sink", null=False),
    # the hooks it is for; all, where there are none
    Column("hooks", JSON, nullable=False, default=list),
    Column("active", Boolean, nullable=False, default=True),
    time("created_at", null=False),
    # since when nothing is delivered, where somebody wants it so
    time("paused_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    text("event_id", null=False),
    text("subscription", null=False),
    text("subject", null=False),
    Column("seq", BigInteger, nullable=False),
    # pending, delivered, dead
    text("state", null=False),
    count("attempts"),
    time("next_at"),
    text("error"),
    time("delivered_at"),
    # up to which of the batch's lines it has them
    Column("line", BigInteger, nullable=True),
    *claim(),
    UniqueConstraint("event_id", "subscription"),
    Index("ix_deliveries_state_subscription_next_at", "state", "subscription", "next_at"),
    Index("ix_deliveries_subscription_subject_seq", "subscription", "subject", "seq"),
)

leases = Table(
    "leases",
    metadata,
    text("name", key=True),
    text("holder", null=False),
    time("until", null=False),
    Column("epoch", BigInteger, nullable=False, default=0),
)
