"""One table of it all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.gateway._contestants import Contestant
from benchmarks.gateway._measures import CONNECTIONS, Figures

__all__ = ["show"]


def show(contestants: Sequence[Contestant], figures: Mapping[str, Figures]) -> None:
    names = [one.name for one in contestants]
    _row("", names)

    def each(label: str, value: Callable[[Figures], str]) -> None:
        _row(label, [value(figures[name]) for name in names])

    _row("cold start, s", [f"{one.cold_start:.2f}" for one in contestants])
    each("idle, MB", lambda found: f"{found.idle:.0f}")
    for count in CONNECTIONS:
        each(f"reads at {count}, a second", lambda found, c=count: f"{_rate(found, c):,.0f}")  # type: ignore[misc]
        each("   p50, ms", lambda found, c=count: f"{_of(found, c, 'p50'):.2f}")  # type: ignore[misc]
        each("   p99, ms", lambda found, c=count: f"{_of(found, c, 'p99'):.2f}")  # type: ignore[misc]
    each("up, MB/s", lambda found: f"{statistics.median(found.up):.0f}")
    each("   peak grew by, MB", lambda found: f"{max(found.up_growth):.0f}")
    each("4 up, MB/s", lambda found: f"{statistics.median(found.four_up):.0f}")
    each("   peak grew by, MB", lambda found: f"{max(found.four_up_growth):.0f}")
    each("down, MB/s", lambda found: f"{statistics.median(found.down):.0f}")
    each("   peak grew by, MB", lambda found: f"{max(found.down_growth):.0f}")
    _ratios(names, figures)


def _ratios(names: Sequence[str], figures: Mapping[str, Figures]) -> None:
    ours = figures.get("batchyard")
    if ours is None:
        return
    for name in names:
        if name in {"batchyard", "upstream"}:
            continue
        other = figures[name]
        reads = ", ".join(f"{_ratio(ours, other, c)} at {c}" for c in CONNECTIONS)
        up = statistics.median(ours.up) / statistics.median(other.up)
        down = statistics.median(ours.down) / statistics.median(other.down)
        print(f"batchyard / {name}: reads {reads}; up {up:.1f}; down {down:.1f}")


def _ratio(ours: Figures, other: Figures, connections: int) -> str:
    theirs = _rate(other, connections)
    return f"{_rate(ours, connections) / theirs:.1f}" if theirs else "all"


def _rate(found: Figures, connections: int) -> float:
    return _of(found, connections, "rate")


def _of(found: Figures, connections: int, what: str) -> float:
    return float(statistics.median(getattr(one, what) for one in found.reads[connections]))


def _row(label: str, cells: Sequence[str]) -> None:
    print(f"{label:<24}" + "".join(f"{cell:>12}" for cell in cells))
