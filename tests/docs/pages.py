"""The pages of the documentation, and the blocks of code in them.

A block whose first line is a comment with a path (``# src/app.py``) is that file.  The others
stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("**/*.md")),
    *sorted(ROOT.glob("*/README.md")),
]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """``file`` is the path it is to be written to, if it is a file."""

    language: str
    text: str
    file: str | None

    @property
    def commands(self) -> list[str]:
        """What is typed after the prompts of a console."""
        return [line[2:] for line in self._lines if line.startswith("$ ")]

    @property
    def output(self) -> list[str]:
        """What a console shows besides; ``…`` stands for anything."""
        shown = self._lines if self.language == "console" else []
        return [line for line in shown if line.strip() and not line.startswith("$ ")]

    @property
    def _lines(self) -> list[str]:
        return self.text.replace("\\\n", "").splitlines()


def blocks(page: Path) -> Iterator[Block]:
    for match in _FENCED.finditer(text_of(page)):
        found = _FILE.match(match[2])
        yield Block(match[1], match[2], found[1] if found else None)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
