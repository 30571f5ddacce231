"""One item for each input line, and the proof that none is lacking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from batchyard.lines import (
    InputLine,
    ResultError,
    ResultLine,
    decode_input,
    result_without_response,
)
from batchyard.models import OUTCOMES, Outcome, Usage

__all__ = ["Completeness", "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input line.

    ``line`` counts from 1 in the input file; it and ``input`` are ``None`` where
    the input could not be read.  ``output`` is the provider's result line, and
    ``None`` where there is none: then ``error`` says why.
    """

    custom_id: str
    outcome: Outcome
    line: int | None
    usage: Usage
    error: ResultError | None = None
    input: InputLine | None = field(default=None, repr=False)
    output: ResultLine | None = field(default=None, repr=False)
    raw: bytes | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"

    @property
    def request(self) -> dict[str, Any] | None:
        """The body that was sent."""
        return None if self.input is None else self.input.request

    @property
    def response(self) -> Any:
        """The body that came back, decoded; an error's body too."""
        return None if self.output is None else self.output.body

    @property
    def text(self) -> str | None:
        """The answer's text: of the first choice, or of a response's messages."""
        return _text(self.response) if self.ok else None

    def result_line(self) -> bytes:
        """The line as OpenAI would have written it, without its line end."""
        if self.raw is not None:
            return self.raw
        reason = self.error or ResultError(self.outcome, self.outcome, 0)
        return result_without_response(self.custom_id, reason)


def _text(body: Any) -> str | None:
    if not isinstance(body, Mapping):
        return None
    for choice in _mappings(body.get("choices")):
        message = choice.get("message")
        content = message.get("content") if isinstance(message, Mapping) else choice.get("text")
        return content if isinstance(content, str) else None
    parts = [
        part["text"]
        for item in _mappings(body.get("output"))
        for part in _mappings(item.get("content"))
        if item.get("type") == "message" and isinstance(part.get("text"), str)
    ]
    return "".join(parts) if parts else None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Completeness:
    """What all lines came to, counted and not copied.

    ``lines`` is how many the input has, or ``None`` where it could not be read,
    and then completeness is *unknown*.  ``duplicates`` are second results of one
    line, ``strangers`` results of no line, ``malformed`` result lines that
    cannot be read; none of them is among the outcomes.
    """

    lines: int | None
    outcomes: Mapping[Outcome, int]
    duplicates: int = 0
    strangers: int = 0
    malformed: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def known(self) -> bool:
        """Whether the results could be held against the input."""
        return self.lines is not None

    @property
    def complete(self) -> bool:
        """Whether every input line has an outcome, and nothing is left over."""
        odd = self.duplicates + self.strangers + self.malformed + self.outcomes.get("missing", 0)
        return self.lines == sum(self.outcomes.values()) and not odd

    def __str__(self) -> str:
        terms = [f"{self.outcomes[one]} {one}" for one in OUTCOMES if self.outcomes.get(one)]
        total = " + ".join(terms) or "0 ok"
        odd = [
            f"{count} {name}"
            for name in ("duplicates", "strangers", "malformed")
            if (count := getattr(self, name))
        ]
        beside = f" (besides: {', '.join(odd)})" if odd else ""
        if self.lines is None:
            return f"{total}{beside}; completeness unknown: the input could not be read"
        return f"{self.lines} = {total}{beside}"


def decoded_input(data: bytes) -> InputLine | None:
    """The line, or ``None`` for one that is not a request."""
    try:
        return decode_input(data)
    except (msgspec.DecodeError, RecursionError):
        return None
