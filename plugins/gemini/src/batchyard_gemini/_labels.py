"""What we write into display names, the only place that the service has for notes.

A batch tells neither which file it was made of nor, later, what its user noted beside it; an
uploaded file cannot say for which model it is.  Their display names do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from batchyard.errors import InputError

__all__ = ["LONGEST", "FileLabel", "JobLabel"]

LONGEST = 512
"""Characters of a display name (Gemini API reference, File)."""

NOTE = "note."


@dataclass(frozen=True, slots=True)
class FileLabel:
    """``in.jsonl?model=gemini-2.5-flash``."""

    filename: str
    model: str | None = None

    def __str__(self) -> str:
        end = f"?{urlencode({'model': self.model})}" if self.model else ""
        return self.filename[: LONGEST - len(end)] + end

    @classmethod
    def parse(cls, text: str) -> FileLabel:
        filename, mark, rest = text.rpartition("?")
        found = dict(parse_qsl(rest)) if mark else {}
        return cls(filename, found["model"]) if set(found) == {"model"} else cls(text)


@dataclass(frozen=True, slots=True)
class JobLabel:
    """``7f3a?file=files%2Fabc&note.team=search``, after the marker."""

    marker: str
    file: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        pairs = {"file": self.file or "", **{f"{NOTE}{k}": v for k, v in self.notes.items()}}
        text = f"{self.marker}?{urlencode(pairs)}"
        if len(text) > LONGEST:
            raise InputError(
                f"metadata are kept in the batch's display name, which has room for {LONGEST} "
                f"characters, and need {len(text)}; use less, or a ledger",
                param="metadata",
            )
        return text

    @classmethod
    def parse(cls, text: str) -> JobLabel:
        """Of a batch that somebody else made, the whole name is all there is."""
        marker, mark, rest = text.partition("?")
        found = dict(parse_qsl(rest, keep_blank_values=True)) if mark else {}
        if "file" not in found:
            return cls(text)
        notes = {k.removeprefix(NOTE): v for k, v in found.items() if k.startswith(NOTE)}
        return cls(marker, found["file"] or None, notes)
