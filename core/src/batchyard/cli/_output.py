"""What is printed: text that is safe for a terminal, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

__all__ = ["details", "echo", "emit", "moment", "note", "printable", "table"]


def printable(text: str) -> str:
    """*text* without what moves a terminal's cursor or sets its title, and without surrogates."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
        for one in text
    )


def echo(text: str) -> None:
    """To standard output."""
    click.echo(_encodable(printable(text), sys.stdout))


def note(text: str) -> None:
    """To standard error: what is no part of the result."""
    click.echo(_encodable(printable(text), sys.stderr), err=True)


def emit(record: Any) -> None:
    """A JSON document, to standard output."""
    utf8 = _encoding(sys.stdout).lower().replace("-", "") == "utf8"
    text = json.dumps(record, indent=2, ensure_ascii=not utf8)
    click.echo(_encodable(text, sys.stdout))


def table(rows: Iterable[Sequence[object]], *, indent: str = "") -> None:
    """Rows in columns, the last as wide as it is; ``None`` is a hyphen."""
    cells = [[_cell(one) for one in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (f"{one:<{width}}" for one, width in zip(row, widths, strict=True))
        echo(indent + "  ".join(padded).rstrip())


def details(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line, without those that are ``None``."""
    shown = [(name, value) for name, value in pairs if value is not None]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        echo(f"{name:<{width}}  {_cell(value)}")


def moment(seconds: float | None) -> str | None:
    """Unix seconds as a date; a number that is no date, as it is."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _cell(value: object) -> str:
    return "-" if value is None else " ".join(str(value).split())


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _encodable(text: str, stream: Any) -> str:
    encoding = _encoding(stream)
    return text.encode(encoding, "backslashreplace").decode(encoding)
