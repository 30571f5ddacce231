"""Where the demo keeps what it makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

__all__ = ["FOLDER", "LIVE_FOLDER", "REQUESTS", "ROOT", "fresh", "prepared"]

ROOT = Path(__file__).resolve().parent.parent.parent
REQUESTS = ROOT / "examples" / "reviews.jsonl"
FOLDER = ROOT / "build" / "demo"
LIVE_FOLDER = ROOT / "build" / "demo-live"

CONFIGURATION = """\
default_account = {default}
{accounts}
[ledger]
url = "ledger.db"
poll_first = 0.5
poll_most = 2

[sinks.events]
sink = "jsonl"
path = {path}
"""


def fresh(providers: Sequence[str]) -> Path:
    """A configuration with an empty ledger, and a sink to which the events are delivered."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    return prepared(FOLDER, providers)


def prepared(folder: Path, providers: Sequence[str]) -> Path:
    """The same with the ledger that is there: it may be of a batch that is being paid for.

    An account of each provider, with the settings of its own variables; the first is the default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").unlink(missing_ok=True)
    configuration = folder / "batchyard.toml"
    path = json.dumps(str(folder / "events.jsonl"))
    accounts = "".join(f"\n[accounts.{one}]\n" for one in providers)
    text = CONFIGURATION.format(default=json.dumps(providers[0]), accounts=accounts, path=path)
    configuration.write_text(text, encoding="utf-8")
    return configuration
