"""Prices that an account has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from batchyard.errors import ConfigError
from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices._book import AMOUNTS, scaled
from batchyard.prices._context import PriceContext
from batchyard.prices._money import difference

__all__ = ["AccountPrices", "override_rates"]

LONG = "long_context"
ABOVE = "long_context_above"
DISCOUNT = "batch_discount"


class AccountPrices:
    """Asked first.  The price is that of a batch: no discount is taken off that is not stated."""

    rank: ClassVar[int] = 0

    def __init__(self, context: PriceContext) -> None:
        self._overrides = context.options.overrides

    @hookimpl
    def rates(self, model: str, tier: str, account: str, requested: str | None) -> Rates | None:
        """By any of the model's names, or by what the lines asked for: a deployment, an alias."""
        own = self._overrides.get(account)
        if own is None or tier != "batch":
            return None
        return own.get(model) or own.get(requested or "")


def override_rates(stated: Mapping[str, Any]) -> Rates:
    """Rates as a configuration states them, in US dollars for a million tokens.

    ``input`` and ``output``, and what else :class:`Rates` has; ``long_context``
    is a table of the same, with ``long_context_above`` beside it.
    ``batch_discount``, say 0.5, is taken off all of them.

    Raises :class:`~batchyard.errors.ConfigError`.
    """
    unknown = set(stated) - {*AMOUNTS, LONG, ABOVE, DISCOUNT}
    if unknown:
        raise ConfigError(f"{min(unknown)}: a price has no such part", param=min(unknown))
    above = stated.get(ABOVE)
    if (above is None) != (stated.get(LONG) is None):
        raise ConfigError(f"{LONG} and {ABOVE} need each other", param=LONG)
    rates = Rates(
        **_amounts(stated),
        source="account",
        basis="override",
        long_context_above=None if above is None else _whole(above),
        long_context=None if above is None else Rates(**_amounts(stated[LONG])),
    )
    discount = _amount(DISCOUNT, stated.get(DISCOUNT, 0))
    if discount > 1:
        raise ConfigError(f"{DISCOUNT}: between 0 and 1", param=DISCOUNT)
    return scaled(rates, difference(Decimal(1), discount)) if discount else rates


def _amounts(stated: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in AMOUNTS[:2] if stated.get(name) is None]
    if missing:
        raise ConfigError(f"{missing[0]}: a price needs it, be it 0", param=missing[0])
    given = ((name, stated.get(name)) for name in AMOUNTS)
    return {name: _amount(name, value) for name, value in given if value is not None}


def _amount(name: str, value: Any) -> Decimal:
    try:
        # by its text: 0.1 of a configuration is meant as it is written
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ConfigError(f"{name}: not an amount of US dollars", param=name)
    return amount


def _whole(value: Any) -> int:
    amount = _amount(ABOVE, value)
    if amount != int(amount):
        raise ConfigError(f"{ABOVE}: a number of tokens", param=ABOVE)
    return int(amount)
