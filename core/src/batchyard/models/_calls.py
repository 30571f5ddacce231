"""What operations are given: plain data, made by the clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from batchyard.sources import Source

__all__ = [
    "BatchRequest",
    "Call",
    "ExpiresAfter",
    "FileUpload",
    "Finding",
    "Limits",
    "PageRequest",
    "Ref",
]


@dataclass(frozen=True, slots=True)
class Call:
    """What every operation is told besides its own arguments.

    ``timeout`` is in seconds (``None``: the provider's default); ``extra_headers``
    and ``extra_body`` are passed through to the provider; ``marker`` is what the
    upload or create is to be recognised by, if it is.  ``batch`` is the ledger's batch
    that it is for, where there is one; a middleware may want to know.
    """

    account: str
    request_id: str = ""
    timeout: float | None = None
    max_retries: int = 2
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    marker: str | None = None
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A file or a batch by its provider id, with the state that the provider gave it.

    A batch's files come with the batch's state, and an id that a caller kept
    comes with none.
    """

    id: str
    provider_state: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExpiresAfter:
    """When a file is deleted: ``seconds`` (3600 to 2592000 at OpenAI) after ``anchor``."""

    seconds: int
    anchor: Literal["created_at"] = "created_at"


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file to upload.  ``source`` can be read again, and knows its length."""

    source: Source = field(repr=False)
    filename: str
    purpose: str = "batch"
    expires_after: ExpiresAfter | None = None
    content_type: str = "application/jsonl"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch to create.  ``models`` are the models found in the lines, where they are known.

    ``own_input`` says that the file was uploaded for this one batch: then the
    batch is known by its file, and no mark needs to go anywhere else.
    """

    input_file: Ref
    endpoint: str
    completion_window: str = "24h"
    metadata: Mapping[str, str] | None = None
    output_expires_after: ExpiresAfter | None = None
    models: tuple[str, ...] = ()
    own_input: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list.  ``purpose`` and ``order`` apply to files."""

    after: str | None = None
    limit: int | None = None
    order: Literal["asc", "desc"] | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job of a provider takes.  ``None`` is no limit, or none that is known."""

    max_lines: int | None = None
    max_bytes: int | None = None
    endpoints: tuple[str, ...] | None = None
    completion_windows: tuple[str, ...] = ("24h",)
    one_model_per_file: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of an account found, and what to do about it."""

    level: Literal["ok", "warning", "error"]
    check: str
    message: str
    fix: str | None = None
