"""The interpreter that programs of the suite are run with."""

from __future__ import annotations

import sys

__all__ = ["python"]


def python() -> tuple[str, ...]:
    """The command that runs a program: append what ``python`` would be given."""
    return (sys.executable,)
