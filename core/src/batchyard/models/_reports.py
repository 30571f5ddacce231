"""What gates made of a file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["FileReport", "GateReport", "ReportedLine", "ReportedReason"]


class ReportedLine(BaseModel):
    """An example: a line of the file, counted from 1, and what was said of it."""

    model_config = ConfigDict(frozen=True)

    line: int
    custom_id: str
    message: str | None = None


class ReportedReason(BaseModel):
    """Why lines were refused, or what was rewritten in them.

    ``count`` is how often, over all ``lines``; the ``examples`` are the first of these.
    """

    model_config = ConfigDict(frozen=True)

    action: Literal["refuse", "rewrite"]
    reason: str
    lines: int
    count: int
    examples: tuple[ReportedLine, ...] = ()


class GateReport(BaseModel):
    """What one gate refused and rewrote, as it saw the file: behind the gates before it."""

    model_config = ConfigDict(frozen=True)

    gate: str
    refused: int
    rewritten: int
    reasons: tuple[ReportedReason, ...] = ()


class FileReport(BaseModel):
    """What gates made of a file.

    ``lines`` are its requests; those that are not ``refused`` are sent, some of
    them ``rewritten``.
    """

    model_config = ConfigDict(frozen=True)

    object: Literal["file.report"] = "file.report"
    file_id: str
    lines: int
    refused: int = 0
    rewritten: int = 0
    gates: tuple[GateReport, ...] = ()
