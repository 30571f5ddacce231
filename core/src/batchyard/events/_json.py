"""The stable JSON form of an event: what the ledger keeps and sinks pass on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from batchyard.errors import InputError
from batchyard.events._receipts import plain, receipt_to_json
from batchyard.models import (
    Batch,
    BatchEvent,
    Event,
    FileEvent,
    FileObject,
    Identity,
    LineRecord,
    Receipt,
    Totals,
)

__all__ = ["VERSION", "from_json", "line_to_json", "to_json"]

T = TypeVar("T")

VERSION = 1
"""Grows only when a reader of the last version would misunderstand; new fields do not count."""


def to_json(event: Event) -> dict[str, Any]:
    """Numbers, strings, lists and objects; money is a string, for it is exact.

    Times are Unix seconds, ``type`` is the name in records.  What a provider
    keeps to itself about a file or a batch is not in it.
    """
    record: dict[str, Any] = {
        "version": VERSION,
        "id": event.id,
        "type": event.type,
        "hook": event.hook,
        "at": event.at,
        "provider": event.provider,
        "account": event.account,
    }
    match event:
        case FileEvent(file=file):
            record["file"] = file.model_dump(mode="json")
            record["identity"] = plain(event.identity)
        case BatchEvent():
            record |= _of_batch(event)
        case _:
            raise InputError(f"{event.hook} has no JSON form: it is heard, and not kept")
    return record


def from_json(record: Mapping[str, Any]) -> FileEvent | BatchEvent:
    """The event; fields that are not known are passed over.

    Raises :class:`InputError` for what is no event, or one of a later version.
    """
    if record.get("version") != VERSION:
        raise InputError(f"an event of version {record.get('version')!r} cannot be read")
    try:
        common = {name: record[name] for name in ("hook", "at", "provider", "account", "id")}
        if "file" in record:
            return FileEvent(
                **common,
                file=FileObject.model_validate(record["file"]),
                identity=_read(record.get("identity"), Identity),
            )
        return BatchEvent(
            **common,
            batch=Batch.model_validate(record["batch"]),
            previous_status=record.get("previous_status"),
            totals=_read(record.get("totals"), Totals),
            identity=_read(record.get("identity"), Identity),
            receipt=_read(record.get("receipt"), Receipt),
            reason=record.get("reason"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"this is no event: {type(error).__name__}: {error}") from error


def line_to_json(line: LineRecord) -> dict[str, Any]:
    """A line in the same form; bodies are there only where the line has them."""
    record: dict[str, Any] = {"version": VERSION, **plain(line)}
    if line.usage is not None:
        record["usage"]["total_tokens"] = line.usage.total_tokens
    for name in ("message", "request", "response"):
        if record[name] is None:
            del record[name]
    return record


def _of_batch(event: BatchEvent) -> dict[str, Any]:
    return {
        "batch": event.batch.model_dump(mode="json"),
        "previous_status": event.previous_status,
        "reason": event.reason,
        "totals": _of_totals(event.totals),
        "identity": plain(event.identity),
        "receipt": None if event.receipt is None else receipt_to_json(event.receipt),
    }


def _of_totals(totals: Totals | None) -> dict[str, Any] | None:
    if totals is None:
        return None
    return {**plain(totals), "total_tokens": totals.usage.total_tokens}


def _read(record: Any, kind: type[T]) -> T | None:
    return None if record is None else msgspec.convert(record, kind)
