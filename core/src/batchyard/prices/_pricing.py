"""What usage costs: items of a receipt, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, TypeAlias

from batchyard.errors import BatchyardError
from batchyard.models import Billing, CostItem, CostState, Rates, Usage
from batchyard.prices._costs import Band, Cost, Span, band_of, cost_of, free
from batchyard.prices._money import total
from batchyard.prices._sources import DAY, Asked, Found, PriceSources

__all__ = [
    "Billed",
    "Priced",
    "UsageRow",
    "combined",
    "price_usage",
    "recompute",
    "repriced",
]

SHORT = 32_000
"""Up to so many input tokens no provider has a long-context price: bucket 0."""

MOST = Decimal(100_000_000)
"""US dollars that one item can come to: no bill is higher, and some fit into 64 bits of nanos."""

NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What answered lines of one model, size and day used.

    ``bucket`` is 0 for lines of up to 32,000 input tokens, else the thousands of
    input tokens, rounded down, that each has more than; ``day`` counts from
    1970, 0 where the lines do not say.  ``lines`` includes the ``unknown_lines``.
    """

    model: str | None
    requested: str | None
    bucket: int
    day: int
    lines: int
    unknown_lines: int
    usage: Usage


class Billed(Protocol):
    """The account that is billed: a :class:`~batchyard.registry.Account`."""

    @property
    def name(self) -> str: ...

    @property
    def provider(self) -> str: ...

    def billing(self, model: str | None, requested: str | None = None) -> Billing: ...


@dataclass(frozen=True, slots=True)
class Priced:
    """Items, and their sum, as a receipt has them.

    ``version`` names the sources of the rates, and their editions.
    """

    items: tuple[CostItem, ...]
    state: CostState
    cost: Decimal | None
    priced_cost: Decimal
    version: str | None


Resolve: TypeAlias = Callable[[UsageRow], tuple[str, Found]]
"""The tier and the rates of a row."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What usage is summed by before it is multiplied."""

    model: str | None
    tier: str
    band: Band
    rates: Rates | None
    reason: str | None
    known: bool = True


def price_usage(
    rows: Iterable[UsageRow], sources: PriceSources, account: Billed, started: float
) -> Priced:
    """What *rows*, all of one account, cost.  Rows without a day are of *started* (Unix seconds).

    Tokens are summed for each model, band and rates, multiplied, and rounded once.
    """

    def resolve(row: UsageRow) -> tuple[str, Found]:
        day = row.day or int(started // DAY)
        return _found(sources, account, row.model, row.requested, day)

    return _priced(_items(rows, account, resolve))


def recompute(
    rows: Iterable[UsageRow], receipt: Sequence[CostItem], account: Billed, started: float
) -> Priced:
    """What *rows* cost at the rates that *receipt*'s items have: its own cost, to the last digit.

    No price source is asked: the receipt of a batch and its output are enough.
    """

    def resolve(row: UsageRow) -> tuple[str, Found]:
        at = (row.day or int(started // DAY)) * DAY
        of_model = ((one.rates, one.tier) for one in receipt if one.model == _called(row))
        held = {rates: tier for rates, tier in of_model if rates and _since(rates) <= at}
        if not held:
            return "batch", Found(None, "the receipt has no rates for it")
        newest = max(map(_since, held))
        last = [rates for rates in held if _since(rates) == newest]
        if len(last) > 1:
            said = "the receipt has several rates for it, and not since when each holds"
            return "batch", Found(None, said)
        return held[last[0]], Found(last[0])

    return _priced(_items(rows, account, resolve))


def repriced(
    items: Sequence[CostItem],
    sources: PriceSources,
    account: Billed,
    started: float,
    requested: str | None = None,
) -> Priced:
    """What *items* of a receipt come to at the prices that are known now.

    The time of price stays: *started* (Unix seconds), or since when the old
    rates held, if that is later.  *requested* is the model that the lines asked
    for, where they asked for one: a receipt does not have it, and some accounts
    are billed by it.
    """
    return _priced([_again(one, sources, account, started, requested) for one in items])


def combined(parts: Iterable[Priced]) -> Priced:
    """One of all, for a batch whose jobs are of several accounts."""
    return _priced([item for part in parts for item in part.items])


def _items(rows: Iterable[UsageRow], account: Billed, resolve: Resolve) -> list[CostItem]:
    sums: dict[_Key, tuple[int, Usage]] = {}
    for row in rows:
        tier, found = resolve(row)
        for key, lines, usage in _parts(row, tier, found):
            so_far = sums.get(key, (0, NOTHING))
            sums[key] = so_far[0] + lines, so_far[1] + usage
    ordered = sorted(sums, key=_order)
    return [_item(key, *sums[key], account) for key in ordered]


def _parts(row: UsageRow, tier: str, found: Found) -> Iterator[tuple[_Key, int, Usage]]:
    """What of the row is known, and the lines of which nothing is."""
    model, rates = _called(row), found.rates
    known = row.lines - row.unknown_lines
    if known or row.usage.total_tokens:
        usage = replace(row.usage, model=None, created=None, known=True)
        band = _band(_span(row, known), rates)
        yield _Key(model, tier, band, rates, found.reason), known, usage
    if row.unknown_lines:
        usage = Usage(known=False)
        yield (
            _Key(model, tier, "standard", rates, found.reason, known=False),
            row.unknown_lines,
            usage,
        )


def _item(key: _Key, lines: int, usage: Usage, account: Billed) -> CostItem:
    cost = _cost(key, lines, usage)
    return CostItem(
        key.model,
        account.provider,
        account.name,
        key.tier,
        key.band,
        lines,
        usage,
        0 if key.known else lines,
        key.rates,
        cost.amount,
        cost.reason,
    )


def _cost(key: _Key, lines: int, usage: Usage) -> Cost:
    if key.known and usage == NOTHING:
        return Cost(Decimal(0))
    if key.rates is None:
        return Cost(None, key.reason)
    if key.known:
        found = cost_of(usage, key.rates, key.band)
        beyond = found.amount is not None and found.amount > MOST
        return Cost(None, "it would cost more than any bill") if beyond else found
    if free(key.rates):
        return Cost(Decimal(0))
    return Cost(None, f"{lines} answers do not say what they used")


def _again(
    item: CostItem, sources: PriceSources, account: Billed, started: float, requested: str | None
) -> CostItem:
    old = item.rates
    at = max(started, _since(old)) if old else started
    # where results named no model, the item has what was asked for
    named = None if item.model == requested else item.model
    tier, found = _found(sources, account, named, requested or item.model, int(at // DAY))
    known = not item.unknown_lines
    band = _band(_span_of(item), found.rates) if known else "standard"
    key = _Key(item.model, tier, band, found.rates, found.reason, known)
    return _item(key, item.lines, item.usage, account)


def _found(
    sources: PriceSources, account: Billed, model: str | None, requested: str | None, day: int
) -> tuple[str, Found]:
    try:
        billing = account.billing(model, requested)
    except Exception as error:  # noqa: BLE001 - a plugin's fault leaves lines unpriced, not lost
        said = error.message if isinstance(error, BatchyardError) else type(error).__name__
        return "batch", Found(None, f"the provider cannot say what it is billed as: {said}")
    asked = Asked(billing, requested, account.provider, account.name, day)
    return billing.tier, sources.rates(asked)


def _since(rates: Rates) -> int:
    return rates.valid_from or 0


def _called(row: UsageRow) -> str | None:
    return row.model or row.requested


def _span(row: UsageRow, lines: int) -> Span:
    tokens = row.usage.input_tokens
    if not row.bucket:
        return Span(0, SHORT, lines, tokens)
    return Span(row.bucket * 1000, row.bucket * 1000 + 1000, lines, tokens)


def _span_of(item: CostItem) -> Span:
    """What is still known of the sizes of an item's requests."""
    threshold = item.rates.long_context_above if item.rates else SHORT
    tokens = item.usage.input_tokens
    if item.band == "long":
        return Span(threshold or SHORT, None, item.lines, tokens)
    if item.band == "standard":
        return Span(0, threshold, item.lines, tokens)
    return Span(SHORT, None, item.lines, tokens)


def _band(span: Span, rates: Rates | None) -> Band:
    if rates is not None:
        return band_of(span, rates.long_context_above)
    # kept apart, so that a price that is known later finds out which are which
    return "standard" if span.most is not None and span.most <= SHORT else "unknown"


def _order(key: _Key) -> tuple[str, str, str, int, bool, str, str]:
    since = _since(key.rates) if key.rates else 0
    model, reason = key.model or "", key.reason or ""
    return (model, key.tier, key.band, since, key.known, reason, repr(key.rates))


def _priced(items: Sequence[CostItem]) -> Priced:
    known = [one.cost for one in items if one.cost is not None]
    sum_of_known = total(known)
    complete = len(known) == len(items)
    return Priced(
        tuple(items),
        _state(items, complete=complete),
        sum_of_known if complete else None,
        sum_of_known,
        _version(items),
    )


def _state(items: Sequence[CostItem], *, complete: bool) -> CostState:
    if not complete:
        return "unpriced"
    used = any(one.usage.total_tokens or one.unknown_lines for one in items)
    return "priced" if used else "no_usage"


def _version(items: Sequence[CostItem]) -> str | None:
    used = {(one.rates.source, one.rates.version) for one in items if one.rates}
    named = sorted(f"{source} {version}" if version else source for source, version in used)
    return ", ".join(named) or None
