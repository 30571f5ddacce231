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
    ``answer`` is bytes where it is no JSON.
    """

    name: str
    line: Mapping[str, Any]
    sent: Mapping[str, Any]
    answer: Mapping[str, Any] | bytes
    result: Mapping[str, Any]
    usage: Usage | None = None
    outcome: Outcome = "ok"

    @property
    def source(self) -> bytes:
        """The line as a file of one line."""
        return packed(self.line)

    @property
    def row(self) -> bytes:
        """The answer as the service stores it."""
        return self.answer if isinstance(self.answer, bytes) else packed(self.answer)


def packed(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
