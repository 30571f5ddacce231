"""What the demo prints at its end."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.demo._places import FOLDER, REQUESTS, ROOT
from scripts.demo._services import command

__all__ = ["show_answers", "show_events", "show_receipt", "show_some"]

WIDTH = 92

EVENTS = FOLDER / "events.jsonl"

PATIENCE = 30.0
"""Seconds for an event on its way."""

SHOWN = ("acreate_batch", "batch_success")
"""The first and the last that is told of a good batch."""

Row = dict[str, Any]


def show_answers(provider: str) -> None:
    """Some of the answers, and of the refusals, beside what was asked."""
    show_some(FOLDER / f"{provider}.results.jsonl", FOLDER / f"{provider}.errors.jsonl")


def show_some(results: Path, errors: Path) -> None:
    requests = {row["custom_id"]: row for row in rows(REQUESTS)}
    print("Some of the answers:")
    _show(requests, results, 5)
    print("\nSome of the requests that were refused, each for a reason of its own:")
    _show(requests, errors, 3)
    print()


def show_receipt(configuration: Path, environment: Mapping[str, str], batch_id: str) -> None:
    """What the batch came to, as `batchyard` prints it."""
    arguments = ("batches", "cost", batch_id, "--config", str(configuration.relative_to(ROOT)))
    print("$ batchyard", *arguments, flush=True)
    subprocess.run(command(*arguments), cwd=ROOT, env=environment, check=True)
    print()


def show_events(batch_id: str) -> None:
    """The first and the last event of the batch, as the sink got them."""
    print(f"Events, as they were delivered to {EVENTS.relative_to(ROOT)}:")
    until = time.monotonic() + PATIENCE
    while len(_events(batch_id)) < len(SHOWN) and time.monotonic() < until:
        time.sleep(0.2)  # they are told after the batch has ended, and soon
    for event in _events(batch_id):
        fields = (f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in event.items())
        print("{", ",\n".join(fields), "}", sep="\n")


def _events(batch_id: str) -> list[Row]:
    found = rows(EVENTS) if EVENTS.exists() else []
    return [one for one in found if one["type"] in SHOWN and one["batch"]["id"] == batch_id]


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _asked(request: Row) -> str:
    """The last thing that was said to the model."""
    content = request["body"]["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


def _answered(row: Row) -> str:
    body = (row.get("response") or {}).get("body") or {}
    error = row.get("error") or body.get("error")
    if error:
        return f"{error.get('code') or error.get('type')}: {error['message']}"
    message = body["choices"][0]["message"]
    calls = message.get("tool_calls") or []
    made = (f"{call['function']['name']}({call['function']['arguments']})" for call in calls)
    return message.get("content") or ", ".join(made)


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _show(requests: Mapping[str, Row], path: Path, most: int) -> None:
    found = sorted(rows(path), key=lambda row: len(row["custom_id"]))
    for row in found[:: max(1, len(found) // most)][:most]:
        name = row["custom_id"]
        print(f"\n  {_clipped(name)}\n    < {_clipped(_asked(requests[name]))}")
        print(f"    > {_clipped(_answered(row))}")
