"""Whether a batch may be created: the gates, its key, and the budgets."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from decimal import Decimal

from batchyard.errors import InputError
from batchyard.estimates import Question, estimate
from batchyard.hookspecs import Forecast, Reservation
from batchyard.ledger import keys
from batchyard.ledger.batches._orders import BatchOrder
from batchyard.ledger.budgets import reserve
from batchyard.ledger.keys import KeyRecord
from batchyard.ledger.parts import Parts, Transaction
from batchyard.ledger.records import FileRecord
from batchyard.ledger.routing import Route
from batchyard.ledger.store import StoreMissingError
from batchyard.models import BatchRequest, Identity, Ref
from batchyard.steps import PathSource

__all__ = ["Admitted", "admitted", "booked"]

NOTHING = Forecast(Decimal(0), Decimal(0), Decimal(0), Decimal(0), (), 0)
"""Of a file of which gates left no line: nothing is sent, and nothing is paid for."""

ANSWER = 1000
"""Output tokens of an answer where only its input is asked for."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What is to be written down with the batch."""

    who: Identity
    reservations: tuple[Reservation, ...]
    enqueued_tokens: int | None


class AskedFor:
    """A batch that somebody wants to create: an :class:`~batchyard.hookspecs.Admission`.

    A file is counted once, whoever asks.
    """

    def __init__(self, parts: Parts, who: Identity, file: FileRecord, route: Route) -> None:
        account = route.served.account
        self.identity = who
        self.account = account.name
        self.provider = account.provider
        self.at = parts.now()
        self._parts = parts
        self._file = file
        self._account = account
        self._renames = route.renames
        self._counted: dict[int, Forecast] = {}
        self._lock = threading.Lock()

    def forecast(self, output_tokens: int) -> Forecast:
        """It blocks; see :class:`~batchyard.hookspecs.Admission`."""
        with self._lock:
            found = self._counted.get(output_tokens)
            if found is None:
                found = self._counted[output_tokens] = self._forecast(output_tokens)
            return found

    def input_tokens(self) -> int:
        """It blocks."""
        with self._lock:
            known = next(iter(self._counted.values()), None)
        return (known or self.forecast(ANSWER)).input_tokens or 0

    def _forecast(self, output_tokens: int) -> Forecast:
        file = self._file
        if not (file.lines or 0) - file.refused:
            return NOTHING
        question = Question(
            self._account, self._parts.prices, output_tokens, self.at, self._renames
        )
        try:
            with self._parts.store.local(file.sent_name) as path:
                found = estimate(PathSource(path), question)
        except StoreMissingError as error:
            raise InputError(
                f"the bytes of {file.id} are gone", status=404, param="input_file_id"
            ) from error
        cost = found.cost
        return Forecast(
            cost.low, cost.expected, cost.high, cost.priced, cost.unpriced, found.input.expected
        )


async def admitted(
    parts: Parts, who: Identity, order: BatchOrder, file: FileRecord, route: Route
) -> Admitted:
    """Ask the gates, and what the key allows.  No transaction is open meanwhile."""
    async with parts.db.reading() as connection:
        key = await keys.using(connection, who, lock=False)
    if key is not None:
        _check_key(key, file, route)
    request = BatchRequest(
        Ref(file.id),
        order.endpoint,
        order.completion_window,
        order.metadata,
        order.output_expires_after,
        tuple(file.models),
    )
    asked = AskedFor(parts, who, file, route)
    reservations = await asyncio.to_thread(parts.gates.admit, request, asked)
    tokens = None
    if key is not None and key.limits.enqueued_tokens is not None:
        tokens = await asyncio.to_thread(asked.input_tokens)
    return Admitted(who, reservations, tokens)


def _check_key(key: KeyRecord, file: FileRecord, route: Route) -> None:
    """What was allowed when the file came may not be allowed any more."""
    named = sum(file.models.values())
    unnamed = max(0, (file.lines or 0) - file.refused - named)
    keys.check_models(key, file.models, unnamed=unnamed)
    keys.check_accounts(key, [route.served.account.name])


async def booked(parts: Parts, tx: Transaction, batch_id: str, terms: Admitted) -> None:
    """Make the reservations, and hold the key to its limits, in the batch's own transaction.

    Raises :class:`BudgetExceededError`, and :class:`RateLimitError`.
    """
    key = await keys.using(tx.connection, terms.who)
    if key is not None:
        keys.valid(key, tx.now())
        if terms.enqueued_tokens is not None:
            await keys.check_queue(tx.connection, key, terms.enqueued_tokens, besides=batch_id)
    await reserve(parts, tx, batch_id, terms.reservations)
