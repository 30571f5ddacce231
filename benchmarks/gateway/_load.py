"""Many clients at once, and how long each kind of request takes."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.load.harness import Load, carry_out

__all__ = ["mixed_load"]


def mixed_load(folder: Path, seconds: float) -> None:
    """The trial of the test suite (tests/gateway/load), for so long."""
    figures = carry_out(Load(folder, seconds))
    print(figures.report())
    figures.check()
