"""Whom the suite trusts: one authority, since every client reads all there are.

That takes 50 ms of each of some thousand clients, and what they speak to is on this machine.
"""

from __future__ import annotations

import os
from pathlib import Path

import certifi

__all__ = ["outside", "trust_one"]

NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
KEPT = "OUTSIDE_"
"""Before the name of a variable, what it was: the processes of a parallel run inherit both."""

END = "-----END CERTIFICATE-----\n"


def trust_one(folder: Path) -> None:
    """Have this process and those it starts read one authority, from a file in *folder*."""
    for name in NAMES:
        os.environ.setdefault(KEPT + name, os.environ.pop(name, ""))
    first = Path(certifi.where()).read_text(encoding="utf-8").partition(END)[0] + END
    path = folder / "authority.pem"
    path.write_text(first, encoding="utf-8")
    os.environ["SSL_CERT_FILE"] = str(path)


def outside() -> dict[str, str | None]:
    """The variables as they were, for what installs packages; None for those that were not set."""
    return {name: os.environ.get(KEPT + name) or None for name in NAMES}
