"""The ledger's tables.

Ids are text, times Unix seconds, money whole billionths of a US dollar, and
what has no fixed shape is JSON.  Every list is walked by a key of its own, so
every key that is walked has an index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = [
    "batches",
    "budgets",
    "deliveries",
    "events",
    "files",
    "jobs",
    "keys",
    "leases",
    "metadata",
    "reservations",
    "settlement_items",
    "settlements",
    "subscriptions",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is an INTEGER."""


_Document = JSON(none_as_null=True)
"""Of a column that may be empty: without it ``None`` is JSON's null, which is not NULL."""


class _Text(TypeDecorator[str]):
    """Text that comes from outside: without NUL, which Postgres does not take."""

    impl = String
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base class's signature
        return value.replace("\x00", "") if value else value


def _text(name: str, *, null: bool = True, key: bool = False) -> Column[str]:
    return Column(name, _Text, nullable=null and not key, primary_key=key)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0)


def _maybe(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _time(name: str, *, null: bool = True) -> Column[float]:
    return Column(name, Double, nullable=null)


def _who() -> tuple[Column[object], ...]:
    """For whom it is, as it was at create."""
    return (
        Column("owner", _Text, nullable=False, default=""),
        Column("team", _Text, nullable=True),
        Column("tags", JSON, nullable=False, default=list),
        # the id of the key that was used, where there was one
        Column("key_id", _Text, nullable=True),
    )


def _claim() -> tuple[Column[object], ...]:
    """Who works on the row just now.  ``epoch`` grows with each claim and fences the last one."""
    return (
        Column("lease_until", Double, nullable=True),
        Column("epoch", BigInteger, nullable=False, default=0),
    )


files = Table(
    "files",
    metadata,
    _text("id", key=True),
    *_who(),
    _text("purpose", null=False),
    _text("filename", null=False),
    Column("bytes", BigInteger, nullable=False),
    # of an input: requests, those a gate refused, SHA-256 of content and of index
    _maybe("lines", BigInteger),
    _count("refused"),
    _text("digest"),
    _text("index_digest"),
    _text("endpoint"),
    Column("models", JSON, nullable=False, default=dict),
    # whether what is sent differs from what was uploaded, and its size then
    _maybe("sent_bytes", BigInteger),
    # of a result file
    _text("batch_id"),
    _text("idempotency_key"),
    # what the key was used for, so that another use of it can be refused
    _text("fingerprint"),
    # where its batches are to run, as far as that was said when it came
    Column("hints", _Document, nullable=True),
    _time("created_at", null=False),
    _time("expires_at"),
    _time("deleted_at"),
    # since when the store has nothing of it
    _time("erased_at"),
    UniqueConstraint("owner", "idempotency_key"),
    Index("ix_files_created_at_id", "created_at", "id"),
    Index("ix_files_owner_created_at_id", "owner", "created_at", "id"),
    Index("ix_files_expires_at", "expires_at"),
    Index("ix_files_batch_id", "batch_id"),
    Index("ix_files_erased_at_deleted_at", "erased_at", "deleted_at"),
)

batches = Table(
    "batches",
    metadata,
    _text("id", key=True),
    *_who(),
    Column("metadata", _Document, nullable=True),
    _text("account", null=False),
    _text("provider", null=False),
    _text("endpoint", null=False),
    _text("completion_window", null=False),
    _text("input_file_id"),
    Column("models", JSON, nullable=False, default=dict),
    _text("idempotency_key"),
    # what the key was used for, so that another use of it can be refused
    _text("fingerprint"),
    _maybe("output_expires_after", BigInteger),
    # input tokens that wait at a provider while it runs, as they were estimated
    _maybe("enqueued_tokens", BigInteger),
    # open, ended (all jobs have ended), settled
    _text("phase", null=False),
    # what is shown, and what it will be when it is settled
    _text("status", null=False),
    _text("outcome"),
    Column("errors", JSON, nullable=False, default=list),
    _text("output_file_id"),
    _text("error_file_id"),
    _maybe("total", BigInteger),
    _count("completed"),
    _count("failed"),
    # tokens, as OpenAI shows them, once it is settled
    Column("usage", _Document, nullable=True),
    _time("created_at", null=False),
    _time("in_progress_at"),
    _time("finalizing_at"),
    _time("ended_at"),
    _time("expires_at"),
    _time("cancelling_at"),
    _time("settled_at"),
    _time("observed_at"),
    # when something is to be done next for it, and how often that has failed
    _time("next_at"),
    _count("attempts"),
    _text("reason"),
    # the last number given to one of its events
    _count("events"),
    *_claim(),
    UniqueConstraint("owner", "idempotency_key"),
    Index("ix_batches_created_at_id", "created_at", "id"),
    Index("ix_batches_owner_created_at_id", "owner", "created_at", "id"),
    Index("ix_batches_phase_next_at", "phase", "next_at"),
    Index("ix_batches_settled_at", "settled_at"),
    Index("ix_batches_key_id_phase", "key_id", "phase"),
    Index("ix_batches_input_file_id", "input_file_id"),
)

jobs = Table(
    "jobs",
    metadata,
    _text("id", key=True),
    Column("batch_id", String, ForeignKey("batches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    _text("account", null=False),
    _text("provider", null=False),
    # see batchyard.ledger.states
    _text("state", null=False),
    _text("marker", null=False),
    # the first job made with the marker, if this one should not exist
    _text("twin_of"),
    Column("models", JSON, nullable=False, default=list),
    # what the account calls models that the lines call otherwise, by their names there
    Column("renames", _Document, nullable=True),
    # the store's name of what is sent; none where there is nothing to send, or it was adopted
    _text("input"),
    _text("provider_file_id"),
    Column("provider_file_state", _Document, nullable=True),
    _text("provider_batch_id"),
    Column("provider_state", _Document, nullable=True),
    # what the provider last said
    _text("status"),
    _text("output_file_id"),
    _text("error_file_id"),
    Column("errors", JSON, nullable=False, default=list),
    _maybe("total", BigInteger),
    _count("completed"),
    _count("failed"),
    _time("created_at", null=False),
    _time("sent_at"),
    _count("sends"),
    _time("submitted_at"),
    _time("started_at"),
    _time("expected_by"),
    _time("observed_at"),
    _time("missing_since"),
    _time("stalled_at"),
    # when a batch that an unanswered create left behind is to be looked for
    _time("twins_at"),
    _time("cancel_sent_at"),
    _time("ended_at"),
    _time("next_at"),
    _count("attempts"),
    _text("reason"),
    *_claim(),
    UniqueConstraint("batch_id", "number"),
    Index("ix_jobs_state_account_next_at", "state", "account", "next_at"),
    Index("ix_jobs_account_provider_batch_id", "account", "provider_batch_id", unique=True),
    Index("ix_jobs_account_submitted_at", "account", "submitted_at"),
    Index("ix_jobs_marker", "marker"),
)

settlements = Table(
    "settlements",
    metadata,
    Column("batch_id", String, ForeignKey("batches.id"), primary_key=True),
    # 0 is the settlement: the key lets there be no second one
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("kind", null=False),
    _time("at", null=False),
    _text("state", null=False),
    Column("cost_nanos", BigInteger, nullable=True),
    _count("priced_nanos"),
    _text("price_version"),
    _maybe("lines", BigInteger),
    Column("outcomes", JSON, nullable=False, default=dict),
    _count("duplicates"),
    _count("strangers"),
    _count("malformed"),
    _text("output_digest"),
    _text("error_digest"),
    Index("ix_settlements_at", "at"),
)

settlement_items = Table(
    "settlement_items",
    metadata,
    Column("batch_id", String, primary_key=True),
    Column("settlement", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _time("at", null=False),
    # of the batch, so that usage is summed over one table
    *_who(),
    _text("model"),
    _text("provider", null=False),
    _text("account", null=False),
    _text("tier", null=False),
    _text("band", null=False),
    _count("lines"),
    _count("unknown_lines"),
    _count("input_tokens"),
    _count("output_tokens"),
    _count("cached_tokens"),
    _count("cache_write_tokens"),
    _count("reasoning_tokens"),
    _count("input_audio_tokens"),
    _count("output_audio_tokens"),
    _count("input_image_tokens"),
    _count("output_image_tokens"),
    Column("rates", _Document, nullable=True),
    Column("cost_nanos", BigInteger, nullable=True),
    _text("reason"),
    Index("ix_settlement_items_at", "at"),
    Index("ix_settlement_items_owner_at", "owner", "at"),
)

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    # what it is about: a batch's or a file's id; its events are delivered in the order of seq
    _text("subject", null=False),
    Column("seq", BigInteger, nullable=False),
    _text("hook", null=False),
    _time("at", null=False),
    _text("account", null=False),
    Column("owner", _Text, nullable=False, default=""),
    Column("body", JSON, nullable=False),
    UniqueConstraint("subject", "seq"),
    Index("ix_events_at", "at"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    _text("name", key=True),
    _text("sink", null=False),
    # the hooks it is for; all, where there are none
    Column("hooks", JSON, nullable=False, default=list),
    Column("active", Boolean, nullable=False, default=True),
    _time("created_at", null=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    _text("event_id", null=False),
    _text("subscription", null=False),
    _text("subject", null=False),
    Column("seq", BigInteger, nullable=False),
    # pending, delivered, dead
    _text("state", null=False),
    _count("attempts"),
    _time("next_at"),
    _text("error"),
    _time("delivered_at"),
    *_claim(),
    UniqueConstraint("event_id", "subscription"),
    Index("ix_deliveries_state_subscription_next_at", "state", "subscription", "next_at"),
    Index("ix_deliveries_subscription_subject_seq", "subscription", "subject", "seq"),
)

leases = Table(
    "leases",
    metadata,
    _text("name", key=True),
    _text("holder", null=False),
    _time("until", null=False),
    Column("epoch", BigInteger, nullable=False, default=0),
)

keys = Table(
    "keys",
    metadata,
    _text("id", key=True),
    _text("name", null=False),
    # SHA-256 of the secret, in hex; the one before it, while both are taken
    Column("hash", _Text, nullable=False, unique=True),
    Column("former_hash", _Text, nullable=True, unique=True),
    _time("former_until"),
    # its last characters, to tell keys apart
    _text("hint", null=False),
    Column("owner", _Text, nullable=False, default=""),
    _text("team"),
    Column("tags", JSON, nullable=False, default=list),
    # what it may use; anything, where there is none
    Column("models", _Document, nullable=True),
    Column("accounts", _Document, nullable=True),
    Column("limits", JSON, nullable=False, default=dict),
    _time("created_at", null=False),
    _time("expires_at"),
    _time("revoked_at"),
    Index("ix_keys_created_at_id", "created_at", "id"),
)

budgets = Table(
    "budgets",
    metadata,
    # a row for each that was ever used: whoever reserves locks it
    _text("name", key=True),
    _time("created_at", null=False),
)

reservations = Table(
    "reservations",
    metadata,
    # no foreign key: what was spent counts for longer than its batch may be kept
    Column("batch_id", String, primary_key=True),
    _text("budget", key=True),
    _time("at", null=False),
    # reserved, settled, released
    _text("state", null=False),
    # what was reserved, and what it counts as now
    Column("reserved_nanos", BigInteger, nullable=False),
    Column("nanos", BigInteger, nullable=False),
    Index("ix_reservations_budget_at", "budget", "at"),
)
