"""US dollars as decimals, and as the whole billionths that the ledger keeps."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce

__all__ = ["EXACT", "difference", "from_nanos", "nanos", "rounded", "total"]

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""More digits than tokens times rates have: an item is rounded once, at its end.

Not the thread's own context, which belongs to whoever calls us.
"""

NANO = Decimal("1e-9")


def rounded(amount: Decimal) -> Decimal:
    """To a billionth, half to even."""
    return amount.quantize(NANO, context=EXACT)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, of which no digit is lost, whatever the thread's own context says."""
    return reduce(EXACT.add, amounts, Decimal(0))


def difference(amount: Decimal, less: Decimal) -> Decimal:
    """Exact, like :func:`total`."""
    return EXACT.subtract(amount, less)


def nanos(cost: Decimal | None) -> int | None:
    """Whole billionths of a dollar; *cost* has no more digits than that."""
    return None if cost is None else int(rounded(cost).scaleb(9, EXACT))


def from_nanos(count: int | None) -> Decimal | None:
    """The dollars of :func:`nanos`."""
    return None if count is None else rounded(Decimal(count).scaleb(-9, EXACT))
