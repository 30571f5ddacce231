"""Run examples/reviews.jsonl as a batch; show answers, the receipt and events; see `make help`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchyard.errors import BatchyardError
from batchyard.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = ROOT / "examples" / "reviews.jsonl"
FOLDER = ROOT / "build" / "demo"
LIVE_FOLDER = ROOT / "build" / "demo-live"
WIDTH = 92

SHOWN = ("acreate_batch", "batch_success")
"""The first and the last that is told of a good batch."""

CONFIGURATION = """\
[ledger]
url = "ledger.db"

[sinks.events]
sink = "jsonl"
path = {path}
"""

Row = dict[str, Any]


@contextmanager
def emulated(provider: str) -> Iterator[Mapping[str, str]]:
    """Serve the provider's emulator; the variables point its default account there."""
    emulator = Registry().load("emulators", provider)()
    with emulator.serve() as server:
        print(f"The emulator of {provider} listens on {server.url}", flush=True)
        yield {**os.environ, **emulator.environment(server.url)}


def prepared(folder: Path, *, keep: bool) -> Path:
    """A configuration with a ledger, and a sink to which the events are delivered.

    The ledger is a new one, unless the last one is of a batch that is being paid for.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").unlink(missing_ok=True)
    configuration = folder / "batchyard.toml"
    path = json.dumps(str(folder / "events.jsonl"))
    configuration.write_text(CONFIGURATION.format(path=path), encoding="utf-8")
    return configuration


def run(
    provider: str, environment: Mapping[str, str], folder: Path, *, live: bool
) -> tuple[int, str]:
    """Run the batch with the command that a user has; progress goes to the terminal."""
    configuration = prepared(folder, keep=live)
    command = [
        str(Path(sys.executable).with_name("batchyard")),
        *("run", str(REQUESTS.relative_to(ROOT)), "--provider", provider),
        *("--config", str(configuration.relative_to(ROOT)), "--owner", "demo"),
        *("--output", str((folder / "results.jsonl").relative_to(ROOT))),
        *("--errors", str((folder / "errors.jsonl").relative_to(ROOT))),
    ]
    if live:
        # a demo that was interrupted takes up the batch that is being paid for
        command += ["--key", f"demo-{datetime.now(UTC):%Y-%m-%d}"]
    print("$ batchyard", *command[1:], flush=True)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def asked(request: Row) -> str:
    """Return the last thing that was said to the model."""
    content = request["body"]["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


def answered(row: Row) -> str:
    body = (row.get("response") or {}).get("body") or {}
    error = row.get("error") or body.get("error")
    if error:
        return f"{error.get('code') or error.get('type')}: {error['message']}"
    message = body["choices"][0]["message"]
    calls = message.get("tool_calls") or []
    made = (f"{call['function']['name']}({call['function']['arguments']})" for call in calls)
    return message.get("content") or ", ".join(made)


def clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def show(requests: Mapping[str, Row], path: Path, most: int) -> None:
    """Print some rows of a file beside what was asked."""
    found = sorted(rows(path), key=lambda row: len(row["custom_id"]))
    for row in found[:: max(1, len(found) // most)][:most]:
        name = row["custom_id"]
        print(f"\n  {clipped(name)}\n    < {clipped(asked(requests[name]))}")
        print(f"    > {clipped(answered(row))}")


def show_events(path: Path) -> None:
    """Print the first and the last event of the batch, as the sink got them."""
    print(f"\nEvents, as they were delivered to {path.relative_to(ROOT)}:")
    for event in rows(path):
        if event["type"] in SHOWN:
            fields = (f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in event.items())
            print("{", ",\n".join(fields), "}", sep="\n")


def demonstrate(provider: str, environment: Mapping[str, str], *, live: bool) -> int:
    folder = LIVE_FOLDER if live else FOLDER
    code, summary = run(provider, environment, folder, live=live)
    if code:
        print(summary, end="")
        return code
    requests = {row["custom_id"]: row for row in rows(REQUESTS)}
    print("\nSome of the answers:")
    show(requests, folder / "results.jsonl", 5)
    print("\nSome of the requests that were refused, each for a reason of its own:")
    show(requests, folder / "errors.jsonl", 3)
    print(f"\n{summary}", end="")
    show_events(folder / "events.jsonl")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provider")
    parser.add_argument("--live", action="store_true", help="the real service and your account")
    options = parser.parse_args()
    if options.live:
        return demonstrate(options.provider, os.environ, live=True)
    try:
        with emulated(options.provider) as environment:
            return demonstrate(options.provider, environment, live=False)
    except BatchyardError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
