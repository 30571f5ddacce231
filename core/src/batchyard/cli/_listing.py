"""Lists: the newest few, or all, over as many pages as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from batchyard.cli._output import emit, note, table

__all__ = ["list_options", "show_list", "taken"]

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
F = TypeVar("F", bound=Callable[..., Any])

PAGE = 100
"""Items asked for at a time: every provider gives as many."""


def list_options(function: F) -> F:
    limit = click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=20,
        show_default=True,
        help="How many to list at most.",
    )
    every = click.option("--all", "every", is_flag=True, help="List all; --limit does not count.")
    after = click.option("--after", metavar="ID", help="Begin behind this one.")
    return limit(every(after(function)))


def taken(make: Callable[[int], Iterable[T]], limit: int | None) -> tuple[list[T], bool]:
    """The first items, and whether there are more; *make* is called with a page's size."""
    if limit is None:
        return list(make(PAGE)), False
    found = list(islice(make(min(limit + 1, PAGE)), limit + 1))
    return found[:limit], len(found) > limit


def show_list(
    found: tuple[list[M], bool], row: Callable[[M], tuple[object, ...]], *, as_json: bool
) -> None:
    """OpenAI's list object, or a table."""
    items, more = found
    if as_json:
        data = [one.model_dump(mode="json") for one in items]
        emit({"object": "list", "data": data, "has_more": more})
        return
    table(row(one) for one in items)
    if more:
        note("There are more: --limit or --all lists them.")
