"""What a batch came to: who it was for, what it used, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from batchyard.models._usage import Outcome, Usage

__all__ = ["Billing", "CostItem", "CostState", "Identity", "Proof", "Rates", "Receipt"]

CostState: TypeAlias = Literal["priced", "unpriced", "no_usage"]
"""``unpriced``: tokens whose price, or lines whose tokens, are not known."""


@dataclass(frozen=True, slots=True)
class Identity:
    """For whom a file or a batch is: kept with it as it was when it was created.

    ``owner`` is an API key's or a user's name; the empty one is nobody in particular.
    ``key`` is the id of the API key that was used, where there was one.
    """

    owner: str = ""
    team: str | None = None
    tags: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Billing:
    """What an account's model is billed as.

    ``model`` is the model whose prices count, ``None`` where nobody knows it;
    ``region`` a part of the provider's world that has prices of its own.
    ``provider`` is who bills, where that is another than the account's provider:
    price sources are asked for their prices.  ``discount`` is the part that this
    one says to take off its list prices for all batches, say 0.5; ``None`` where
    there is no such rule, or nobody knows it.
    """

    model: str | None
    region: str | None = None
    tier: str = "batch"
    provider: str | None = None
    discount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens.  ``None`` is *unknown*; ``source`` is their origin.

    ``cached_input`` and ``cache_write`` are the prices of those tokens themselves,
    not discounts.  ``basis`` says how they were arrived at (``list``, ``derived``,
    ``override`` …), ``version`` which edition of the source they are from.
    ``valid_from`` (Unix seconds) is since when they hold, where that is known.
    ``long_context`` are the rates of a request of more than ``long_context_above``
    input tokens, all of it; without them such a request has no known price.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    input_image: Decimal | None = None
    output_image: Decimal | None = None
    source: str = ""
    basis: str = "list"
    version: str | None = None
    valid_from: int | None = None
    long_context_above: int | None = None
    long_context: Rates | None = None


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of a receipt: all that one model used in one band of its prices.

    ``band`` is ``standard``, or ``long`` for requests above the long-context
    threshold, or ``unknown`` where requests of more than 32,000 input tokens have
    no known threshold.  ``cost`` is in US dollars, rounded once to a billionth; ``None``
    is *unknown*, and then ``reason`` says why.  ``lines`` counts answered lines,
    ``unknown_lines`` those of them that carry no usage.
    """

    model: str | None
    provider: str
    account: str
    tier: str
    band: str
    lines: int
    usage: Usage
    unknown_lines: int = 0
    rates: Rates | None = None
    cost: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Every line accounted for, counted and not copied.

    ``lines`` is how many the input has, ``None`` where it could not be read.
    ``duplicates`` are second results of one line, ``strangers`` results of no
    line, ``malformed`` result lines that cannot be read.
    """

    lines: int | None
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    duplicates: int = 0
    strangers: int = 0
    malformed: int = 0

    @property
    def complete(self) -> bool:
        """Whether every input line has exactly one outcome, and nothing is left over."""
        odd = self.duplicates + self.strangers + self.malformed + self.outcomes.get("missing", 0)
        return self.lines == sum(self.outcomes.values()) and not odd


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a batch came to.  Times are Unix seconds.

    ``kind`` is ``settlement`` for the one settlement of a batch (``number`` 0),
    ``adjustment`` for lines that came late, ``repricing`` for new prices; the
    figures of the last two are differences.  ``cost`` is ``None`` unless every
    item has one; ``priced_cost`` is the sum of those that have.
    """

    batch_id: str
    number: int
    kind: Literal["settlement", "adjustment", "repricing"]
    at: float
    state: CostState
    items: tuple[CostItem, ...]
    proof: Proof
    cost: Decimal | None
    priced_cost: Decimal
    price_version: str | None = None
    identity: Identity = field(default_factory=Identity)

    @property
    def usage(self) -> Usage:
        """Everything that was used; not ``known`` where a line said nothing of it."""
        return sum((item.usage for item in self.items), Usage())
