"""Days, moments and durations as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

__all__ = ["day_option", "duration_option"]

F = TypeVar("F", bound=Callable[..., Any])


class _Moment(click.ParamType[datetime]):
    """A day or a moment, of UTC where it does not say otherwise."""

    name = "DATE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date: write 2026-11-23 or 2026-11-23T08:00", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def day_option(*names: str, help: str) -> Callable[[F], F]:  # noqa: A002 - click's word for it
    return click.option(*names, type=_Moment(), metavar="DATE", help=help)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _Duration(click.ParamType[float]):
    """A whole number of a unit: ``90d``; of seconds without one."""

    name = "DURATION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        text = str(value)
        number, unit = (text[:-1], text[-1:]) if text[-1:] in UNITS else (text, "s")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            self.fail(f"{value!r} is no duration: write 90d, 12h, 30m or 45s", param, ctx)
        return float(int(number) * UNITS[unit])


def duration_option(*names: str, help: str) -> Callable[[F], F]:  # noqa: A002 - click's word for it
    return click.option(*names, type=_Duration(), metavar="DURATION", help=help)
