"""What a batch is created from, and whether it can be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from batchyard.errors import InputError
from batchyard.ledger.records import FileRecord
from batchyard.ledger.routing import Carried, Hint, fields_of
from batchyard.models import ExpiresAfter, Limits

__all__ = ["BatchOrder", "check_file", "check_order", "check_size", "fingerprint"]

MAX_METADATA, MAX_KEY, MAX_VALUE = 16, 64, 512
"""Pairs, and characters of each (OpenAI API reference, Batch metadata)."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """A batch to create.

    ``account`` is where it is to run, and ``hints`` are what else was said of that;
    without either, the lines' models and the default account decide.
    """

    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: Mapping[str, str] | None = None
    output_expires_after: ExpiresAfter | None = None
    account: str | None = None
    idempotency_key: str | None = None
    hints: Sequence[Hint] = ()

    @property
    def all_hints(self) -> tuple[Hint, ...]:
        """The hints, with that of the account."""
        own = () if self.account is None else (Hint("account", (self.account,), "account"),)
        return (*own, *self.hints)


def check_order(order: BatchOrder, limits: Limits) -> None:
    """Raise :class:`InputError` for what no account of these limits takes."""
    windows = limits.completion_windows
    if windows and order.completion_window not in windows:
        raise InputError(
            f"completion_window must be {' or '.join(windows)}, not {order.completion_window!r}",
            param="completion_window",
        )
    if limits.endpoints is not None and order.endpoint not in limits.endpoints:
        raise InputError(
            f"endpoint must be one of {', '.join(limits.endpoints)}, not {order.endpoint!r}",
            param="endpoint",
        )
    _check_metadata(order.metadata)


def _check_metadata(metadata: Mapping[str, str] | None) -> None:
    if metadata is None:
        return
    if not isinstance(cast("object", metadata), Mapping):
        raise InputError("metadata must be an object of strings", param="metadata")
    if len(metadata) > MAX_METADATA:
        raise InputError(f"metadata has more than {MAX_METADATA} pairs", param="metadata")
    for key, value in metadata.items():
        if not isinstance(cast("object", key), str) or not isinstance(cast("object", value), str):
            raise InputError("metadata must be an object of strings", param="metadata")
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise InputError(
                f"metadata takes keys of {MAX_KEY} and values of {MAX_VALUE} characters at most; "
                f"{key[:MAX_KEY]!r} is longer",
                param="metadata",
            )
        if "\0" in key or "\0" in value:
            # Postgres keeps it as JSON, and then fails every query that looks into it
            raise InputError(
                "metadata takes no NUL characters; leave them out",
                code="invalid_value",
                param="metadata",
            )


def check_file(file: FileRecord, order: BatchOrder) -> None:
    """Raise :class:`InputError` for a file that no batch can be made of."""
    if file.purpose != "batch":
        raise InputError(
            f"{file.id} was uploaded for {file.purpose!r}; a batch takes a file of purpose 'batch'",
            param="input_file_id",
        )
    if file.endpoint != order.endpoint:
        raise InputError(
            f"the lines of {file.id} are for {file.endpoint or 'several endpoints'}, "
            f"and the batch is for {order.endpoint}",
            code="invalid_url",
            param="endpoint",
        )


def check_size(file: FileRecord, content: Carried, limits: Limits) -> None:
    """Raise :class:`InputError` for a file that, as it would be sent, does not fit one job."""
    lines, size = content.lines, content.bytes
    if limits.max_lines is not None and lines > limits.max_lines:
        raise InputError(
            f"{file.id} has {lines:,} requests, and a batch takes {limits.max_lines:,}; split it",
            code="too_many_tasks",
            param="input_file_id",
        )
    if limits.max_bytes is not None and size > limits.max_bytes:
        raise InputError(
            f"{file.id} has {size:,} bytes, and a batch takes {limits.max_bytes:,}; split it",
            code="file_too_large",
            param="input_file_id",
        )
    models = content.models
    if limits.one_model_per_file and len(models) > 1:
        names = ", ".join(models[:5]) + (", …" if len(models) > 5 else "")
        raise InputError(
            f"the lines of {file.id} name {len(models)} models ({names}), "
            "and a batch takes one; split the file by model",
            code="mismatched_model",
            param="body.model",
        )


def fingerprint(order: BatchOrder, file: FileRecord) -> str:
    """What an idempotency key was used for: the same content counts as the same file."""
    expires = order.output_expires_after
    what: list[Any] = [
        file.digest or file.id,
        order.endpoint,
        order.completion_window,
        dict(order.metadata or {}),
        order.account,
        None if expires is None else expires.seconds,
    ]
    if order.hints:
        # what was said, and not what came of it: a replay may find other accounts
        what.append(fields_of(order.hints))
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
