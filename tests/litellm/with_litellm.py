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
from batchyard.registry import Sink
from batchyard_litellm import LiteLLM, LiteLLMSettings


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


def main() -> None:
    lines = Path(sys.argv[1]).read_text("utf-8").splitlines()
    events: list[Event] = [from_json(json.loads(line)) for line in lines]
    for callback in sys.argv[2:]:
        # LiteLLM may take long to import
        sink = patient(callback)
        found = {"callback": callback, "errors": asyncio.run(told(sink, events))}
        sys.stdout.write(json.dumps(found) + "\n")


def patient(callback: str) -> Sink:
    return Sink("litellm", LiteLLM(LiteLLMSettings(callback=callback)), deadline=120.0)


main()
