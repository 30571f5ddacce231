"""Pairs of lines: what goes in, what must be sent; what is answered, what must come out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchyard.models import Outcome, Usage

__all__ = ["Golden"]


@dataclass(frozen=True, slots=True)
class Golden:
    """One line there and back.

    ``line`` is an input line as users write it, and ``sent`` what the service
    must be sent for it: the JSON of one line in the body of an upload or a create.
    ``answer`` is a row of the service's results, ``result`` the result line that
    it must come out as, ``usage`` its tokens and ``outcome`` what it counts as.
    ``line`` is bytes where it matters how it is written, ``answer`` where it is no
    JSON.  ``through`` is the name of the scenario of ``file_content`` that it is
    read by; the only one, without it.
    """

    name: str
    line: Mapping[str, Any] | bytes
    sent: Mapping[str, Any]
    answer: Mapping[str, Any] | bytes
    result: Mapping[str, Any]
    usage: Usage | None = None
    outcome: Outcome = "ok"
    through: str = "results"

    @property
    def source(self) -> bytes:
        """The line as a file of one line."""
        return self.line if isinstance(self.line, bytes) else packed(self.line)

    @property
    def endpoint(self) -> str:
        """What the line asks."""
        return str(json.loads(self.source).get("url", ""))

    @property
    def row(self) -> bytes:
        """The answer as the service stores it."""
        return self.answer if isinstance(self.answer, bytes) else packed(self.answer)


def packed(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
