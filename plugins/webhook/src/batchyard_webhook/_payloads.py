"""The forms of an event that programs read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from batchyard.events import to_json
from batchyard.models import BatchEvent, Event, FileEvent

__all__ = ["cloud_event", "encoded", "plain", "standard", "subject_of"]


def standard(event: Event) -> dict[str, Any]:
    """As Standard Webhooks suggests: type, time, data."""
    return {"type": event.type, "timestamp": _time(event.at), "data": to_json(event)}


def plain(event: Event) -> dict[str, Any]:
    """The event, and nothing around it."""
    return to_json(event)


def cloud_event(event: Event) -> dict[str, Any]:
    """CloudEvents 1.0, structured.  Source and id together are unique, as it wants them."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "/batchyard/" + quote(event.account, safe=""),
        "type": f"batchyard.{event.type}",
        "subject": subject_of(event),
        "time": _time(event.at),
        "datacontenttype": "application/json",
        "data": to_json(event),
    }


def subject_of(event: Event) -> str:
    """The id of the batch or the file."""
    match event:
        case BatchEvent():
            return event.batch.id
        case FileEvent():
            return event.file.id
        case _:
            return event.id


def encoded(payload: dict[str, Any]) -> bytes:
    # ASCII: what comes from outside need not be encodable as it is
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
