"""What ``batchyard run`` was asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from batchyard.cli._ledgers import settings_of
from batchyard.cli._options import Where
from batchyard.cli._output import note

__all__ = ["Order"]


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asked for."""

    file: Path
    where: Where
    key: str | None
    batch: str | None
    window: str
    metadata: dict[str, str]
    results: Path
    errors: Path
    wait_timeout: float | None
    quiet: bool
    tracked: bool

    def say(self, text: str) -> None:
        if not self.quiet:
            note(text)

    @property
    def place(self) -> str:
        """The options of commands that take no ledger unless they are told."""
        if self.where.ledger is True:
            return str(replace(self.where, ledger=settings_of(self.where).url))
        return str(self.where)

    def resume(self, batch: str) -> str:
        """What to type to take up a batch that goes on."""
        if self.key:
            return f"run the same command again to take it up (key {self.key!r})."
        file = shlex.quote(str(self.file))
        return f"take it up with: batchyard run {file} --batch {shlex.quote(batch)}{self.where}"
