"""A site that speaks just enough of the protocol, and the wire to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from batchyard.drivers import Transport
from batchyard.effects import Clock
from batchyard.models import Call
from batchyard.steps.openai_wire import Wire
from batchyard.testing import ManualClock
from tests.drivers.faces import Face, OpenFace
from tests.drivers.site import Exchange, Handler, Site

KEY = "sk-SECRET-0123456789"
START = 1_790_000_000


def wire(site: Site, **options: Any) -> Wire:
    async def authorise() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {KEY}"}

    return Wire(f"{site.url}/v1", authorise, **options)


CALL = Call("acme-eu")


def answering(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Handler:
    async def handle(exchange: Exchange) -> None:
        await exchange.reply(status, json.dumps(value).encode(), headers)

    return handle


def routed(routes: Mapping[str, Handler]) -> Handler:
    """A handler for each method and path; the query does not count."""

    async def handle(exchange: Exchange) -> None:
        seen = exchange.seen
        await routes[f"{seen.method} {seen.target.partition('?')[0]}"](exchange)

    return handle


def refusal(status: int, message: str = "no", **fields: Any) -> Handler:
    error = {"message": message, "type": None, "param": None, "code": None, **fields}
    return answering({"error": error}, status)


def batch(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"batch_{number}",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": "validating",
        "created_at": START,
        "metadata": None,
        **fields,
    }


def file(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"file-{number}",
        "object": "file",
        "bytes": 3,
        "created_at": START,
        "filename": "in.jsonl",
        "purpose": "batch",
        **fields,
    }


def listing(*items: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": more,
    }


def patient(open_face: OpenFace, clock: Clock | None = None) -> Face:
    """A driver whose waits take no time."""
    return open_face(Transport(verify=False), clock or ManualClock(START))
