"""What an estimate's tokens cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from batchyard.estimates._figures import CostRange, ModelEstimate
from batchyard.models import Usage
from batchyard.prices import Priced, UsageRow, price_usage

if TYPE_CHECKING:
    from batchyard.estimates._counting import Counted, ModelSums
    from batchyard.estimates._estimate import Question

__all__ = ["cost_range"]

Side = Literal["low", "expected", "high"]

NO_ACCOUNT = "no account was named, so no prices are known"
NOTHING_READ = "no request could be read"
NO_LENGTH = "how long the answers will be is not known: say how many tokens you expect"
NO_CAP = "nothing limits the answers: give each line a maximum of tokens"
EXTRAS = "images, tools and the like have tokens that cannot be counted beforehand"


def cost_range(
    models: Sequence[ModelEstimate], counted: Counted, question: Question
) -> tuple[CostRange, str | None]:
    """The cost, and the edition of the prices."""
    if question.account is None or question.prices is None:
        return CostRange(None, None, None, (NO_ACCOUNT,)), None
    if not models:
        return CostRange(None, None, None, (NOTHING_READ,)), None
    reasons: dict[str, None] = {}
    found: list[Priced | None] = []
    sides: tuple[Side, ...] = ("low", "expected", "high")
    for side in sides:
        gaps = list(_gaps(models, side))
        reasons.update(dict.fromkeys(gaps))
        if gaps:
            found.append(None)
            continue
        rows = [
            row
            for one in models
            for row in _rows(question.sent(one.model), one, counted.models[one.model], side)
        ]
        priced = price_usage(rows, question.prices, question.account, question.at)
        reasons.update(dict.fromkeys(item.reason for item in priced.items if item.reason))
        found.append(priced)
    low, expected, high = (None if one is None else one.cost for one in found)
    version = next((one.version for one in found if one is not None), None)
    of_priced = None if found[1] is None else found[1].priced_cost
    unpriced = _unpriced(found[1] or found[0])
    return CostRange(low, expected, high, tuple(reasons), unpriced, of_priced), version


def _unpriced(priced: Priced | None) -> tuple[str, ...]:
    """The models whose input alone has no price already."""
    items = () if priced is None else priced.items
    return tuple(dict.fromkeys(one.model or "" for one in items if one.cost is None))


def _gaps(models: Sequence[ModelEstimate], side: Side) -> Iterator[str]:
    """Why this side of the range has no tokens to be priced."""
    if side == "low":
        return
    if side == "high" and any(one.extras for one in models):
        yield EXTRAS
    if any(getattr(one.output, side) is None for one in models):
        yield NO_CAP if side == "high" else NO_LENGTH


def _rows(
    name: str | None, model: ModelEstimate, sums: ModelSums, side: Side
) -> Iterator[UsageRow]:
    """The model's tokens by the size of its requests, as long ones may cost more."""
    total = sum(tokens for _, tokens in sums.buckets.values())
    wanted_input = getattr(model.input, side)
    # answers come on top: the least is what is sure
    wanted_output = 0 if side == "low" else getattr(model.output, side)
    for bucket, (lines, tokens) in sums.buckets.items():
        share = tokens / total if total else lines / sums.lines
        usage = Usage(
            input_tokens=round(wanted_input * share),
            output_tokens=round(wanted_output * lines / sums.lines),
        )
        number = max(1, round(model.lines * lines / sums.lines))
        yield UsageRow(name, name, bucket, 0, number, 0, usage)
