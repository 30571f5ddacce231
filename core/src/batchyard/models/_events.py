"""What listeners and sinks hear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from batchyard.models._batches import Batch
    from batchyard.models._files import FileObject
    from batchyard.models._receipts import Identity, Receipt
    from batchyard.models._usage import Totals

__all__ = ["BatchEvent", "Event", "FileEvent", "RequestEvent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened.

    ``hook`` is the hook that carries it, ``at`` Unix seconds, ``id`` unique.
    """

    hook: str
    at: float
    provider: str
    account: str
    id: str = field(default_factory=lambda: f"evt_{uuid4().hex}")

    @property
    def type(self) -> str:
        """The name in records: LiteLLM's where it has one, else the hook's."""
        return {"batch_created": "acreate_batch", "file_created": "acreate_file"}.get(
            self.hook, self.hook
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent(Event):
    """``file_created``.  In tracked mode ``identity`` says for whom the file is."""

    file: FileObject
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent(Event):
    """All that is told of batches.

    Terminal events carry ``totals``; ``None`` where the files could not be read,
    or where no listener needs them.  In tracked mode ``identity`` says for whom
    the batch is, ``receipt`` what was settled, adjusted or priced anew, and
    ``reason`` why something happened that has to be explained.
    """

    batch: Batch
    previous_status: str | None = None
    totals: Totals | None = None
    identity: Identity | None = None
    receipt: Receipt | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent(Event):
    """``request_sent``: one HTTP exchange, without headers, query or bodies.

    ``status`` is ``None`` where no reply arrived; then ``error`` names the kind of failure.
    """

    method: str
    url: str
    status: int | None
    seconds: float
    request_id: str | None = None
    error: str | None = None
