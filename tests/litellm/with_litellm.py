"""Delivers an event to LiteLLM's own loggers; runs where LiteLLM is installed.

Takes a file with events as JSON, a line each, then callbacks.  Prints one JSON
object for each callback: what went wrong with which event, if anything.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from batchyard.errors import BatchyardError
from batchyard.events import from_json
from batchyard.models import Event
from batchyard.registry import Registry, Sink


async def told(sink: Sink, events: list[Event]) -> list[str | None]:
    found: list[str | None] = []
    for event in events:
        try:
            await sink.deliver(event)
        except BatchyardError as error:
            found.append(str(error))
        else:
            found.append(None)
    return found


async def main() -> None:
    lines = Path(sys.argv[1]).read_text("utf-8").splitlines()
    events: list[Event] = [from_json(json.loads(line)) for line in lines]
    for callback in sys.argv[2:]:
        sink = Registry({}).sink("litellm", {"callback": callback})
        sink.deadline = 60.0
        sink._hooks._deadline = 60.0
        print(json.dumps({"callback": callback, "errors": await told(sink, events)}), flush=True)


asyncio.run(main())
