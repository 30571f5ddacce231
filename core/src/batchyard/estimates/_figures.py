"""What an estimate says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

__all__ = ["CostRange", "Estimate", "LimitFit", "ModelEstimate", "TokenRange"]


@dataclass(frozen=True, slots=True)
class TokenRange:
    """Tokens; ``None`` is *unknown*."""

    low: int | None
    expected: int | None
    high: int | None

    @classmethod
    def total(cls, ranges: Iterable[TokenRange]) -> TokenRange:
        """The sum: unknown where a part of it is, or where there are no parts."""
        parts = list(ranges)
        low, expected, high = (
            _sum([getattr(one, side) for one in parts]) for side in ("low", "expected", "high")
        )
        return cls(low, expected, high)


def _sum(values: list[int | None]) -> int | None:
    known = [one for one in values if one is not None]
    return sum(known) if known and len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class CostRange:
    """US dollars; ``None`` is *unknown*, and then ``reasons`` say why.

    ``low`` is what the input alone costs: answers come on top of it.
    ``unpriced`` names models that have no price, and ``priced`` is the expected
    cost of the others.
    """

    low: Decimal | None
    expected: Decimal | None
    high: Decimal | None
    reasons: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    priced: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """The lines of one model, counted in the sample and brought up to the whole file.

    ``tokenizer`` names the vocabulary that tokens were counted with, or is
    ``rough``: four characters to a token.  ``extras`` counts what has tokens
    that cannot be counted here (images, tools …); ``input`` is without them.
    """

    model: str | None
    lines: int
    tokenizer: str
    input: TokenRange
    output: TokenRange
    extras: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitFit:
    """Whether the file fits one of the account's limits.  ``None`` is *unknown*."""

    limit: Literal["lines", "bytes", "models", "endpoint", "enqueued_tokens"]
    value: int | str | None
    most: int | str | None
    fits: bool | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch of a file would come to.

    ``lines`` was counted if it is ``exact``; the rest comes from the ``sampled``
    lines.  ``unreadable`` counts those of them that are no requests.
    """

    bytes: int
    lines: int
    exact: bool
    sampled: int
    unreadable: int
    endpoints: tuple[str, ...]
    models: tuple[ModelEstimate, ...]
    cost: CostRange
    limits: tuple[LimitFit, ...]
    account: str | None = None
    price_version: str | None = None

    @property
    def input(self) -> TokenRange:
        return TokenRange.total(one.input for one in self.models)

    @property
    def output(self) -> TokenRange:
        return TokenRange.total(one.output for one in self.models)
