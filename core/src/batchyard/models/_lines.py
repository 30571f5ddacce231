"""What a sink is told of one line of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from batchyard.models._usage import Outcome, Usage

__all__ = ["LineRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRecord:
    """One request of a settled batch, and what became of it.

    ``id`` is the same at each delivery, also where ``batch_adjusted`` brings the
    line again: of the batch and the ``custom_id``.  ``number`` is its place in the
    input, from 1.  ``status`` is the HTTP status, 0 if it was not carried out;
    ``error`` the provider's code where it failed.  ``usage`` is ``None`` where
    nothing was answered, ``cost`` (US dollars, at the receipt's rates, rounded by
    itself) where it is not known.  ``created_at`` is when it was answered, in Unix
    seconds.  ``message``, ``request`` and ``response`` are there only for a
    subscription that has ``bodies``.
    """

    id: str
    batch_id: str
    number: int
    custom_id: str
    outcome: Outcome
    endpoint: str
    status: int = 0
    model: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    created_at: int | None = None
    request_id: str | None = None
    error: str | None = None
    message: str | None = None
    request: Any = None
    response: Any = None
