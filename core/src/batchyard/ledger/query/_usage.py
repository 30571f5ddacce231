"""What was used and what it cost, summed in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    RowMapping,
    String,
    case,
    cast,
    func,
    select,
    true,
)

from batchyard.ledger.database import Database
from batchyard.ledger.query._rows import TOKENS
from batchyard.ledger.tables import settlement_items
from batchyard.prices import from_nanos

__all__ = ["UsageBy", "UsageGroup", "usage"]

UsageBy: TypeAlias = Literal["model", "owner", "key", "team", "tag", "account", "day"]

DAY = 86_400

KEY = "grouped_by"
"""Not ``key``: SQLite's table of a JSON array has a column of that name."""

_COLUMNS = settlement_items.c


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageGroup:
    """What belongs to one ``key``: a name, a :class:`~datetime.date` for ``day``.

    The key is ``None`` for the model that is not known, for no API key, no team
    and no tag.  ``lines`` counts answered lines, ``unknown_lines`` those of them that
    say nothing of their usage.  ``cost`` is ``None`` where any part of it is
    unknown: ``priced_cost`` is the rest's, and ``unpriced_lines`` and
    ``unpriced_tokens`` are what has no price.
    """

    key: str | date | None
    batches: int
    lines: int
    unknown_lines: int
    unpriced_lines: int
    unpriced_tokens: int
    tokens: Mapping[str, int]
    priced_cost: Decimal

    @property
    def cost(self) -> Decimal | None:
        return None if self.unpriced_lines or self.unpriced_tokens else self.priced_cost


async def usage(
    db: Database,
    by: UsageBy | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    owner: str | None = None,
) -> list[UsageGroup]:
    """Usage and cost by key, in the key's order; without ``by`` the total alone.

    It counts in the time of its settlement, an adjustment or a repricing in its
    own.  What has several tags counts under each, so tags may come to more than
    the total.
    """
    key, rows = _grouping(db, by)
    chosen: list[ColumnElement[bool]] = []
    if since is not None:
        chosen.append(_COLUMNS.at >= since)
    if until is not None:
        chosen.append(_COLUMNS.at < until)
    if owner is not None:
        chosen.append(_COLUMNS.owner == owner)
    query = select(key.label(KEY), *_sums()).select_from(rows).where(*chosen)
    async with db.reading() as conn:
        found = (await conn.execute(query.group_by(KEY))).mappings().all()
    groups = [_group(row, by) for row in found]
    return sorted(groups, key=lambda group: (group.key is not None, str(group.key)))


def _grouping(db: Database, by: UsageBy | None) -> tuple[ColumnElement[Any], FromClause]:
    if by is None:
        # a constant; grouped by it, no rows are no group
        return cast(None, String), settlement_items
    if by == "tag":
        return _by_tag(db)
    if by == "day":
        whole = func.floor(_COLUMNS.at / DAY) if db.postgres else _COLUMNS.at / DAY
        return cast(whole, BigInteger), settlement_items
    return _COLUMNS["key_id" if by == "key" else by], settlement_items


def _by_tag(db: Database) -> tuple[ColumnElement[Any], FromClause]:
    if db.postgres:
        listed = func.json_array_elements_text(_COLUMNS.tags)
        each = listed.table_valued("value", name="each_tag").render_derived()
    else:
        each = func.json_each(_COLUMNS.tags).table_valued("value", name="each_tag")
    # an outer join, or what has no tag would be missing
    return each.c.value, settlement_items.outerjoin(each, true())


def _sums() -> list[ColumnElement[Any]]:
    unpriced = _COLUMNS.cost_nanos.is_(None)
    tokens = _COLUMNS.input_tokens + _COLUMNS.output_tokens
    sums: dict[str, ColumnElement[Any]] = {
        "lines": _COLUMNS.lines,
        "unknown_lines": _COLUMNS.unknown_lines,
        "unpriced_lines": case((unpriced, _COLUMNS.lines), else_=0),
        "unpriced_tokens": case((unpriced, tokens), else_=0),
        "priced_nanos": func.coalesce(_COLUMNS.cost_nanos, 0),
        **{name: _COLUMNS[name] for name in TOKENS},
    }
    batches = func.count(_COLUMNS.batch_id.distinct()).label("batches")
    return [batches, *(func.sum(what).label(name) for name, what in sums.items())]


def _group(row: RowMapping, by: UsageBy | None) -> UsageGroup:
    # Postgres sums integers to numerics
    counts = {name: int(value) for name, value in row.items() if name != KEY}
    key = row[KEY]
    return UsageGroup(
        key=datetime.fromtimestamp(key * DAY, UTC).date() if by == "day" else key,
        batches=counts["batches"],
        lines=counts["lines"],
        unknown_lines=counts["unknown_lines"],
        unpriced_lines=counts["unpriced_lines"],
        unpriced_tokens=counts["unpriced_tokens"],
        tokens={name: counts[name] for name in TOKENS},
        priced_cost=from_nanos(counts["priced_nanos"]) or Decimal(0),
    )
