"""What a conversion has to say beside its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Remark", "Remarks"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know.  ``path`` is where it stands in the file that was converted.

    ``carried`` is false for what is not in the result.
    """

    path: str
    reason: str
    carried: bool = False


class Remarks:
    """Collects them, in the order of the file."""

    def __init__(self) -> None:
        self.all: list[Remark] = []

    def lost(self, path: str, reason: str) -> None:
        """What could not be carried, and why."""
        self.all.append(Remark(path, reason))

    def note(self, path: str, reason: str) -> None:
        """What was carried, and has another meaning or needs something more."""
        self.all.append(Remark(path, reason, carried=True))

    def rest(self, path: str, table: Mapping[str, Any], taken: set[str], reason: str) -> None:
        """All of a table that nobody took."""
        for key in table:
            if key not in taken:
                self.lost(f"{path}.{key}", reason)
