"""A row of a result file as a record."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from batchyard.events import hidden_id
from batchyard.ledger.outbox import Terms, sampled
from batchyard.ledger.settlement import Row, bucket_of
from batchyard.lines import ResultLine, decode_input, decode_result
from batchyard.models import Billing, CostItem, LineRecord, Usage
from batchyard.prices import UsageRow, recompute
from batchyard.steps import normalised

__all__ = ["Pricing", "Wanting"]

log = logging.getLogger("batchyard.outbox")

DAY = 86_400

NAME = 256
"""Letters of a model's name that are kept."""

CODE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""What an error's code looks like: a sentence in its place may quote a prompt."""


@dataclass(frozen=True, slots=True)
class Pricing:
    """The rates of a receipt, for one line at a time.

    A receipt over several accounts does not say which line is whose, and so
    gives lines no cost.  ``started`` (Unix seconds) is the time of price of a
    line that does not say when it was answered.
    """

    items: Sequence[CostItem]
    started: float
    name: str = ""
    provider: str = ""

    @property
    def requested(self) -> str | None:
        """The model, where there is only one."""
        called = {item.model for item in self.items}
        return next(iter(called)) if len(called) == 1 else None

    def billing(self, model: str | None, requested: str | None = None) -> Billing:
        return Billing(model or requested)

    def cost(self, usage: Usage) -> Decimal | None:
        if len({(item.account, item.provider) for item in self.items}) != 1:
            return None
        row = UsageRow(
            model=usage.model,
            requested=self.requested,
            bucket=bucket_of(usage.input_tokens),
            day=(usage.created or 0) // DAY,
            lines=1,
            unknown_lines=int(not usage.known),
            usage=usage if usage.known else Usage(known=False),
        )
        return recompute([row], self.items, self, self.started).cost


@dataclass(frozen=True, slots=True)
class Wanting:
    """What makes records of one batch, as one subscription wants them."""

    batch_id: str
    endpoint: str
    terms: Terms
    usage_of: Callable[[ResultLine], Usage]
    pricing: Pricing

    def record(self, row: Row, request: bytes | None) -> LineRecord | None:
        """The row's record; ``None`` for one that is not in the sample, or is none."""
        try:
            line = decode_result(row.data)
        except msgspec.DecodeError:
            return None
        if not sampled(line.custom_id, self.terms.lines):
            return None
        usage = self._usage(line)
        failure = line.failure
        hidden = "custom_id" in self.terms.redact
        code = failure.code if failure is not None else None
        bodies = self.terms.bodies
        # of what failed the response is a message, too
        told = bodies and (failure is None or "errors" not in self.terms.redact)
        return LineRecord(
            id=_id(self.batch_id, line.custom_id),
            batch_id=self.batch_id,
            number=row.number,
            custom_id=hidden_id(line.custom_id) if hidden else line.custom_id,
            outcome=row.outcome,
            endpoint=self.endpoint,
            status=line.status_code,
            model=(usage.model if usage and usage.model else self.pricing.requested or "")[:NAME]
            or None,
            usage=usage,
            cost=None if usage is None else self.pricing.cost(usage),
            created_at=usage.created or None if usage else None,
            request_id=line.response.request_id if line.response else None,
            error=code if code is not None and CODE.fullmatch(code) else None,
            message=failure.message if told and failure is not None else None,
            request=_request(request) if bodies else None,
            response=_response(line) if told else None,
        )

    def _usage(self, line: ResultLine) -> Usage | None:
        """What an answer used; ``None`` where there was none."""
        try:
            usage = normalised(self.usage_of(line))
        except Exception:
            log.debug("the usage reader failed on %s", line.custom_id, exc_info=True)
            usage = Usage(known=False)
        answered = 200 <= line.status_code < 300
        return usage if answered or usage.total_tokens else None


def _id(batch_id: str, custom_id: str) -> str:
    text = f"{batch_id}\n{custom_id}"
    return "line_" + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _request(data: bytes | None) -> Any:
    try:
        return None if data is None else decode_input(data).request
    except msgspec.DecodeError:
        return None


def _response(line: ResultLine) -> Any:
    try:
        return line.body
    except msgspec.DecodeError:
        return None
