"""The lines of a batch, from the files that its settlement wrote: some at a time, never all."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from operator import attrgetter

from batchyard.errors import NotFoundError
from batchyard.ledger.accounts import Accounts
from batchyard.ledger.database import Database
from batchyard.ledger.files import opened_results
from batchyard.ledger.outbox import LinePart, Terms
from batchyard.ledger.recomputing import saved_receipt
from batchyard.ledger.settlement import Row
from batchyard.ledger.store import Store, StoreMissingError
from batchyard.ledger.telling._describing import Pricing, Wanting
from batchyard.lines import blocks, is_blank, split
from batchyard.models import BatchEvent, LineRecord

__all__ = ["Lines"]

log = logging.getLogger("batchyard.outbox")

MOST, BYTES = 500, 1_000_000
"""Lines told together, and bytes of them."""

LOOKED = 20_000
"""Lines looked at before it is written down how far that came, however few are in the sample."""

WITH_LINES = frozenset(
    {"batch_success", "batch_failed", "batch_expired", "batch_cancelled", "batch_adjusted"}
)


class Lines:
    """Reads the lines of batches that events say have ended."""

    def __init__(self, db: Database, store: Store, accounts: Accounts) -> None:
        self._db = db
        self._store = store
        self._accounts = accounts

    async def parts(
        self, event: BatchEvent, terms: Terms, after: int
    ) -> AsyncGenerator[LinePart, None]:
        """See :class:`~batchyard.ledger.outbox.LineReader`.

        Without a word there are none where the files are gone: they were deleted, or an
        adjustment has others, whose event tells of all lines.
        """
        batch = event.batch
        files = [one for one in (batch.output_file_id, batch.error_file_id) if one is not None]
        if event.hook not in WITH_LINES or not files:
            return
        try:
            saved = await saved_receipt(self._db, batch.id)
        except NotFoundError:
            return
        pricing = Pricing(saved.receipt.items, saved.started)
        usage_of = self._accounts.get(event.account).account.usage_reader(saved.endpoint)
        wanting = Wanting(batch.id, saved.endpoint, terms, usage_of, pricing)
        with ExitStack() as scope:
            try:
                rows = await asyncio.to_thread(self._rows, files, after, scope)
                asked = await asyncio.to_thread(self._asked, batch.input_file_id, terms, scope)
            except StoreMissingError:
                log.info("the files of batch %s are gone: its lines are not told", batch.id)
                return
            parts = _parts(wanting, rows, asked)
            while (part := await _next(parts)) is not None:
                yield part

    def _rows(self, files: list[str], after: int, scope: ExitStack) -> Iterator[Row]:
        """The rows of both files, in the order of the input."""
        opened = [scope.enter_context(opened_results(self._store, one, scope)) for one in files]
        return heapq.merge(*(one.rows(after) for one in opened), key=attrgetter("number"))

    def _asked(
        self, file_id: str | None, terms: Terms, scope: ExitStack
    ) -> Iterator[tuple[int, bytes | None]]:
        """The numbered lines of the input, where they are wanted and still there."""
        if not terms.bodies or file_id is None:
            return iter(())
        try:
            file = scope.enter_context(self._store.open(f"{file_id}/content.jsonl"))
        except StoreMissingError:
            return iter(())
        data = (line for _, _, line in split(blocks(file)) if line is None or not is_blank(line))
        return enumerate(data, 1)


async def _next(parts: Iterator[LinePart]) -> LinePart | None:
    reading = asyncio.ensure_future(asyncio.to_thread(next, parts, None))
    try:
        return await asyncio.shield(reading)
    finally:
        if not reading.done():
            # whoever is cancelled must not close what a thread still reads
            await asyncio.wait({reading})


def _parts(
    wanting: Wanting, rows: Iterator[Row], asked: Iterator[tuple[int, bytes | None]]
) -> Iterator[LinePart]:
    lines: list[LineRecord] = []
    size = looked = last = 0
    place, request = 0, None
    for row in rows:
        while place < row.number:
            place, request = next(asked, (row.number, None))
        record = wanting.record(row, request if place == row.number else None)
        last, looked = row.number, looked + 1
        if record is not None:
            lines.append(record)
            size += len(row.data) + len(request or b"")
        if len(lines) >= MOST or size >= BYTES or looked >= LOOKED:
            yield LinePart(tuple(lines), last)
            lines, size, looked = [], 0, 0
    if lines:
        yield LinePart(tuple(lines), last)
