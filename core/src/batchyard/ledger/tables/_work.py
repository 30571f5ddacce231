"""What is worked on: files, batches, and the jobs that carry them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from batchyard.ledger.tables._columns import (
    Document,
    claim,
    count,
    maybe,
    metadata,
    text,
    time,
    who,
)

__all__ = ["batches", "files", "jobs"]

files = Table(
    "files",
    metadata,
    text("id", key=True),
    *who(),
    text("purpose", null=False),
    text("filename", null=False),
    Column("bytes", BigInteger, nullable=False),
    # of an input: requests, those a gate refused, SHA-256 of content and of index
    maybe("lines", BigInteger),
    count("refused"),
    text("digest"),
    text("index_digest"),
    text("endpoint"),
    Column("models", JSON, nullable=False, default=dict),
    # whether what is sent differs from what was uploaded, and its size then
    maybe("sent_bytes", BigInteger),
    # of a result file
    text("batch_id"),
    text("idempotency_key"),
    # what the key was used for, so that another use of it can be refused
    text("fingerprint"),
    # where its batches are to run, as far as that was said when it came
    Column("hints", Document, nullable=True),
    time("created_at", null=False),
    time("expires_at"),
    time("deleted_at"),
    # since when the store has nothing of it
    time("erased_at"),
    UniqueConstraint("owner", "idempotency_key"),
    Index("ix_files_created_at_id", "created_at", "id"),
    Index("ix_files_owner_created_at_id", "owner", "created_at", "id"),
    Index("ix_files_expires_at", "expires_at"),
    Index("ix_files_batch_id", "batch_id"),
    Index("ix_files_key_id_deleted_at", "key_id", "deleted_at"),
    Index("ix_files_erased_at_deleted_at", "erased_at", "deleted_at"),
)

batches = Table(
    "batches",
    metadata,
    text("id", key=True),
    *who(),
    Column("metadata", Document, nullable=True),
    text("account", null=False),
    text("provider", null=False),
    text("endpoint", null=False),
    text("completion_window", null=False),
    text("input_file_id"),
    Column("models", JSON, nullable=False, default=dict),
    text("idempotency_key"),
    # what the key was used for, so that another use of it can be refused
    text("fingerprint"),
    maybe("output_expires_after", BigInteger),
    # input tokens that wait at a provider while it runs, as they were estimated
    maybe("enqueued_tokens", BigInteger),
    # open, ended (all jobs have ended), settled
    text("phase", null=False),
    # what is shown, and what it will be when it is settled
    text("status", null=False),
    text("outcome"),
    Column("errors", JSON, nullable=False, default=list),
    text("output_file_id"),
    text("error_file_id"),
    maybe("total", BigInteger),
    count("completed"),
    count("failed"),
    # tokens, as OpenAI shows them, once it is settled
    Column("usage", Document, nullable=True),
    time("created_at", null=False),
    time("in_progress_at"),
    time("finalizing_at"),
    time("ended_at"),
    time("expires_at"),
    time("cancelling_at"),
    time("settled_at"),
    time("observed_at"),
    # when something is to be done next for it, and how often that has failed
    time("next_at"),
    count("attempts"),
    text("reason"),
    # the last number given to one of its events
    count("events"),
    *claim(),
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
    text("id", key=True),
    Column("batch_id", String, ForeignKey("batches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    text("account", null=False),
    text("provider", null=False),
    # see batchyard.ledger.states
    text("state", null=False),
    text("marker", null=False),
    # the first job made with the marker, if this one should not exist
    text("twin_of"),
    Column("models", JSON, nullable=False, default=list),
    # what the account calls models that the lines call otherwise, by their names there
    Column("renames", Document, nullable=True),
    # the store's name of what is sent; none where there is nothing to send, or it was adopted
    text("input"),
    text("provider_file_id"),
    Column("provider_file_state", Document, nullable=True),
    text("provider_batch_id"),
    Column("provider_state", Document, nullable=True),
    # what the provider last said
    text("status"),
    text("output_file_id"),
    text("error_file_id"),
    Column("errors", JSON, nullable=False, default=list),
    maybe("total", BigInteger),
    count("completed"),
    count("failed"),
    time("created_at", null=False),
    time("sent_at"),
    count("sends"),
    time("submitted_at"),
    time("started_at"),
    time("expected_by"),
    time("observed_at"),
    time("missing_since"),
    time("stalled_at"),
    # when a batch that an unanswered create left behind is to be looked for
    time("twins_at"),
    time("cancel_sent_at"),
    time("ended_at"),
    time("next_at"),
    count("attempts"),
    text("reason"),
    *claim(),
    UniqueConstraint("batch_id", "number"),
    Index("ix_jobs_state_account_next_at", "state", "account", "next_at"),
    Index("ix_jobs_account_provider_batch_id", "account", "provider_batch_id", unique=True),
    Index("ix_jobs_account_submitted_at", "account", "submitted_at"),
    Index("ix_jobs_marker", "marker"),
)
