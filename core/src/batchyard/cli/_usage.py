"""``batchyard usage``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._ledgers import on_database
from batchyard.cli._options import Where, debug_option, json_option, with_ledger
from batchyard.cli._output import echo, emit, note, table
from batchyard.cli._receipts import UNKNOWN, dollars
from batchyard.cli._times import day_option

if TYPE_CHECKING:
    from batchyard.ledger.query import UsageGroup

__all__ = ["command"]

KINDS = ("model", "owner", "key", "team", "tag", "account", "day")

SHOWN = ("input_tokens", "cached_tokens", "output_tokens")
"""The tokens of the table; CSV and JSON have all."""


@click.command("usage", short_help="Sum up what settled batches used and cost.")
@click.option("--by", type=click.Choice(KINDS), help="One sum for each; without it, one for all.")
@day_option("--since", help="From this day on, or this moment; UTC.")
@day_option("--until", help="Before this day, or this moment; UTC.")
@click.option("--owner", help="Only this owner's; an empty one is nobody in particular.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@with_ledger
@json_option
@debug_option
def command(
    where: Where,
    by: str | None,
    since: datetime | None,
    until: datetime | None,
    owner: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Sum up what settled batches used and cost, in the time in which they were settled.

    What has several tags counts under each of them.  What is not known is never
    shown as 0: a sum of which a part is unknown is a lower bound, and says so.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other.")
    found = _found(where, by, since, until, owner)
    if as_json:
        data = [_record(one) for one in found]
        emit({"object": "list", "by": by, "data": data})
    elif as_csv:
        echo(_csv(by, found))
    elif found:
        _table(by, found)
    else:
        note("Nothing has been settled in that time.")


def _found(
    where: Where, by: Any, since: datetime | None, until: datetime | None, owner: str | None
) -> list[UsageGroup]:
    from batchyard.ledger.query import usage

    first, last = (None if one is None else one.timestamp() for one in (since, until))
    return on_database(where, lambda db: usage(db, by, since=first, until=last, owner=owner))


def _tokens(group: UsageGroup) -> Mapping[str, int | None]:
    """``None`` where no line says what it used."""
    nothing_known = group.unknown_lines and group.unknown_lines == group.lines
    return {name: None if nothing_known else count for name, count in group.tokens.items()}


def _record(group: UsageGroup) -> dict[str, Any]:
    return {
        "key": None if group.key is None else str(group.key),
        "batches": group.batches,
        "lines": group.lines,
        "unknown_lines": group.unknown_lines,
        "unpriced_lines": group.unpriced_lines,
        "unpriced_tokens": group.unpriced_tokens,
        **_tokens(group),
        "cost": None if group.cost is None else f"{group.cost:f}",
        "priced_cost": f"{group.priced_cost:f}",
    }


def _csv(by: str | None, found: Iterable[UsageGroup]) -> str:
    from batchyard.ledger.query import TOKENS

    counts = ("batches", "lines", "unknown_lines", "unpriced_lines", "unpriced_tokens")
    names = ("key", *counts, *TOKENS, "cost", "priced_cost")
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writerow({**dict(zip(names, names, strict=True)), "key": by or "key"})
    writer.writerows(_record(one) for one in found)
    return text.getvalue().removesuffix("\n")


def _table(by: str | None, found: Iterable[UsageGroup]) -> None:
    heads = (one.removesuffix("_tokens") for one in SHOWN)
    rows = [(by or "", "batches", "lines", *heads, "USD")]
    rows += [_row(by, one) for one in found]
    table(rows)


def _row(by: str | None, group: UsageGroup) -> tuple[str, ...]:
    tokens = _tokens(group)
    counts = (f"{group.batches:,}", f"{group.lines:,}")
    some = group.unknown_lines > 0
    return _key(by, group), *counts, *(_count(tokens[one], some) for one in SHOWN), _cost(group)


def _key(by: str | None, group: UsageGroup) -> str:
    if by is None:
        return "all"
    return str(group.key) if group.key else f"(no {by})"


def _count(tokens: int | None, some: bool) -> str:
    if tokens is None:
        return UNKNOWN
    return f"≥ {tokens:,}" if some else f"{tokens:,}"


def _cost(group: UsageGroup) -> str:
    if group.cost is not None:
        return dollars(group.cost)
    lines = f"{group.unpriced_lines:,} lines unpriced"
    return (
        f"≥ {dollars(group.priced_cost)}, {lines}" if group.priced_cost else f"{UNKNOWN}, {lines}"
    )
