"""What a reader of a page has: an environment, and things of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["NOBODY_FOLLOWS", "theirs"]

TRACKED = re.compile(
    r"\bledger=(?!False)|^\[ledger\]|^\$ .*--ledger |^\$ export BATCHYARD_LEDGER", re.MULTILINE
)
"""What says that code, a configuration or a console is about a ledger."""

NOBODY_FOLLOWS = re.compile(r"nobody follows batch \w+ yet: .*\n")
"""Said of every batch that is created before it is waited for, where no worker runs."""


def theirs(text: str, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for *text*: a ledger of its own, which looks at jobs at once.

    Its reader has installed the packages that it names.
    """
    own = {**environ, "XDG_DATA_HOME": str(folder / ".data")}
    if TRACKED.search(text):
        own["BATCHYARD_LEDGER__POLL_FIRST"] = "0.2"
    if "batchyard_vertex" in text:
        own["BATCHYARD_PLUGINS"] += ",vertex"
    return own
