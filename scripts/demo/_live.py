"""The same file at the real service, with your key and by the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

from scripts.demo._places import LIVE_FOLDER, REQUESTS, ROOT, prepared
from scripts.demo._services import command
from scripts.demo._showing import show_some

__all__ = ["run_live"]


def run_live(provider: str, environment: Mapping[str, str]) -> int:
    """Progress goes to the terminal; a demo that was interrupted takes up its batch."""
    configuration = prepared(LIVE_FOLDER, [provider])
    results, errors = LIVE_FOLDER / "results.jsonl", LIVE_FOLDER / "errors.jsonl"
    arguments = (
        *("run", str(REQUESTS.relative_to(ROOT)), "--provider", provider),
        *("--config", str(configuration.relative_to(ROOT)), "--owner", "demo"),
        *("--output", str(results.relative_to(ROOT)), "--errors", str(errors.relative_to(ROOT))),
        *("--key", f"demo-{datetime.now(UTC):%Y-%m-%d}"),
    )
    print("$ batchyard", *arguments, flush=True)
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.returncode:
        show_some(results, errors)
    print(done.stdout, end="")
    return done.returncode
