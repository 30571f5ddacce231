"""The batch, as OpenAI shows it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from batchyard.models._tolerance import (
    Lenient,
    ObjectModel,
    OptionalId,
    Strings,
    UnixTime,
    known,
    named,
)

__all__ = [
    "TERMINAL_STATUSES",
    "Batch",
    "BatchDeleted",
    "BatchError",
    "BatchErrors",
    "BatchUsage",
    "InputTokensDetails",
    "OutputTokensDetails",
    "RequestCounts",
]

TERMINAL_STATUSES = frozenset({"failed", "completed", "expired", "cancelled"})

_SPELLINGS = {
    "inprogress": "in_progress",
    "running": "in_progress",
    "canceling": "cancelling",
    "canceled": "cancelled",
}


def _status(value: Any) -> Any:
    """One spelling for each status; services write them in any case, with or without ``_``."""
    if not isinstance(value, str) or not value.strip():
        return "in_progress"
    word = value.strip().lower().replace(" ", "_")
    return _SPELLINGS.get(word.replace("_", ""), word)


def _count(value: Any) -> Any:
    return 0 if value is None else value


Count = Annotated[int, BeforeValidator(_count)]


class BatchError(ObjectModel):
    """Why a batch failed.  ``line`` counts from 1."""

    code: Lenient[str] = None
    message: Lenient[str] = None
    param: Lenient[str] = None
    line: Lenient[int] = None


class BatchErrors(ObjectModel):
    object: Annotated[str, named("list")] = "list"
    data: Annotated[list[BatchError], BeforeValidator(known(BatchError))] = Field(
        default_factory=list
    )


class BatchDeleted(ObjectModel):
    """The answer to a delete of a batch, which OpenAI has no word for."""

    id: str = Field(min_length=1)
    object: Annotated[str, named("batch")] = "batch"
    deleted: bool = True


class RequestCounts(ObjectModel):
    """What the provider counted.  After a cancel or an expiry the sum need not be the total."""

    total: Count = 0
    completed: Count = 0
    failed: Count = 0


class InputTokensDetails(ObjectModel):
    cached_tokens: Count = 0


class OutputTokensDetails(ObjectModel):
    reasoning_tokens: Count = 0


class BatchUsage(ObjectModel):
    """Tokens that the provider summed up itself; zeros until the batch has ended."""

    input_tokens: Count = 0
    input_tokens_details: Lenient[InputTokensDetails] = Field(default_factory=InputTokensDetails)
    output_tokens: Count = 0
    output_tokens_details: Lenient[OutputTokensDetails] = Field(default_factory=OutputTokensDetails)
    total_tokens: Count = 0


class Batch(ObjectModel):
    """A batch (OpenAI API reference, Batch object).  Times are Unix seconds.

    A status that is none of OpenAI's eight is kept as it came and counts as
    "still running".  ``provider_state`` is opaque, JSON, and not part of the dump.
    ``tracked_by`` says, of a batch that was just created in tracked mode, who
    follows it to its end, and ``replayed`` whether it was there before, under the
    same idempotency key; they are not part of the dump either.  ``refused_for_now``
    of a failed one says that nothing of it was carried out, for want of room in
    the provider's queue, and that the same create may succeed later: tracked
    mode sends it again.  Providers set it; it is never read from a reply.
    """

    id: str = Field(min_length=1)
    object: Annotated[str, named("batch")] = "batch"
    endpoint: Lenient[str] = None
    model: Lenient[str] = None
    errors: Lenient[BatchErrors] = None
    input_file_id: OptionalId = None
    completion_window: Lenient[str] = None
    status: Annotated[str, BeforeValidator(_status)] = "in_progress"
    output_file_id: OptionalId = None
    error_file_id: OptionalId = None
    created_at: UnixTime = None
    in_progress_at: UnixTime = None
    expires_at: UnixTime = None
    finalizing_at: UnixTime = None
    completed_at: UnixTime = None
    failed_at: UnixTime = None
    expired_at: UnixTime = None
    cancelling_at: UnixTime = None
    cancelled_at: UnixTime = None
    request_counts: Lenient[RequestCounts] = None
    usage: Lenient[BatchUsage] = None
    metadata: Strings = None
    tracked_by: str | None = Field(default=None, exclude=True)
    replayed: bool = Field(default=False, exclude=True)
    refused_for_now: Annotated[bool, BeforeValidator(lambda value: value is True)] = Field(
        default=False, exclude=True
    )
    provider_state: dict[str, Any] | None = Field(default=None, exclude=True, repr=False)

    @property
    def terminal(self) -> bool:
        """Whether the batch has ended, one way or another."""
        return self.status in TERMINAL_STATUSES
