"""What the ledger knows, for plugins, exporters and reports: to be read only.

Lists are walked by key, a page at a time, so that rows that come or go
meanwhile neither repeat nor hide others::

    async with Database(url) as db:
        page = await settlements(db, Wanted(since=midnight))
        while page.next:
            page = await settlements(db, Wanted(since=midnight, after=page.next))
        for group in await usage(db, "team", since=midnight):
            print(group.key, group.tokens["input_tokens"], group.cost)

Times are Unix seconds, ``since`` counts in and ``until`` does not; money is
:class:`~decimal.Decimal` US dollars.  ``owner=None`` asks for everybody's.
"""

from __future__ import annotations

from batchyard.ledger.query._listing import Listing, Wanted, batches, files, items, settlements
from batchyard.ledger.query._rows import TOKENS, BatchRow, FileRow, ItemRow, SettlementRow
from batchyard.ledger.query._standing import BatchCount, Standing, standing
from batchyard.ledger.query._usage import UsageBy, UsageGroup, usage

__all__ = [
    "TOKENS",
    "BatchCount",
    "BatchRow",
    "FileRow",
    "ItemRow",
    "Listing",
    "SettlementRow",
    "Standing",
    "UsageBy",
    "UsageGroup",
    "Wanted",
    "batches",
    "files",
    "items",
    "settlements",
    "standing",
    "usage",
]
