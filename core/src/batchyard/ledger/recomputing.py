"""Receipts that are saved, and computed again from the result files that they are of.

No price source and no provider is asked: what was used is counted as the
settlement counted it, and priced at the rates that the receipt has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import select

from batchyard.errors import InputError, NotFinishedError, NotFoundError
from batchyard.events import receipt_from_json, receipt_to_json
from batchyard.ledger.database import Database
from batchyard.ledger.receipts import TOKENS, combined, read
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.settling import recounted, started_of
from batchyard.ledger.tables import batches, jobs
from batchyard.lines import ResultLine
from batchyard.models import Billing, CostItem, Rates, Receipt, Usage
from batchyard.prices import Priced, recompute, total

__all__ = ["Recomputed", "SavedReceipt", "recomputed", "saved_receipt"]


@dataclass(frozen=True, slots=True)
class SavedReceipt:
    """A receipt with what is needed to compute it again.

    ``endpoint`` is the batch's; ``started`` (Unix seconds) the time of price of
    lines that do not say when they were answered.
    """

    receipt: Receipt
    endpoint: str
    started: float

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "receipt",
            **receipt_to_json(self.receipt),
            "endpoint": self.endpoint,
            "started_at": self.started,
        }

    @classmethod
    def from_json(cls, record: Any) -> SavedReceipt:
        """The receipt of :meth:`to_json`, or one of an event.

        Raises :class:`InputError` for what is no receipt.
        """
        receipt = receipt_from_json(record)
        endpoint, started = record.get("endpoint", ""), record.get("started_at", receipt.at)
        if not isinstance(endpoint, str) or not isinstance(started, int | float):
            raise InputError("this is no receipt: its endpoint or started_at makes no sense")
        return cls(receipt, endpoint, float(started))


async def saved_receipt(db: Database, batch_id: str, *, owner: str | None = None) -> SavedReceipt:
    """What the batch comes to, with all that came later; ``owner=None`` asks for anybody's.

    Raises :class:`NotFoundError`, and :class:`NotFinishedError` before it is settled.
    """
    async with db.reading() as connection:
        of_id = select(batches).where(batches.c.id == batch_id)
        row = (await connection.execute(of_id)).mappings().one_or_none()
        if row is None or (owner is not None and row["owner"] != owner):
            raise NotFoundError(f"No batch found with id '{batch_id}'.", status=404, param="id")
        batch = BatchRecord.of(row)
        receipt = combined(await read(connection, batch.id, batch.identity))
        if receipt is None:
            raise NotFinishedError(
                f"batch {batch_id} is {batch.status}: it has no receipt before it is settled"
            )
        carried = select(jobs).where(jobs.c.batch_id == batch_id)
        found = [JobRecord.of(one) for one in (await connection.execute(carried)).mappings()]
    started = min(map(started_of, found), default=batch.created_at)
    return SavedReceipt(receipt, batch.endpoint, started)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What the files come to, and in what the receipt differs from it."""

    priced: Priced
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """To the last digit."""
        return not self.differences


def recomputed(
    saved: SavedReceipt, files: Sequence[Path], usage_of: Callable[[ResultLine], Usage]
) -> Recomputed:
    """Count *files*, the batch's output and error files, and hold the receipt against them.

    It blocks.  Raises :class:`InputError` for files that cannot be read, and for
    a receipt over several accounts: the files do not say which line is whose.
    """
    receipt = saved.receipt
    payer = _payer(receipt)
    called = {item.model for item in receipt.items}
    models = tuple(one for one in called if one is not None) if len(called) == 1 else ()
    rows = recounted(files, models, usage_of)
    priced = recompute(rows, receipt.items, payer, saved.started)
    return Recomputed(priced, tuple(_differences(receipt, priced)))


@dataclass(frozen=True, slots=True)
class _Payer:
    name: str
    provider: str

    def billing(self, model: str | None, requested: str | None = None) -> Billing:
        return Billing(model or requested)


def _payer(receipt: Receipt) -> _Payer:
    found = {(item.account, item.provider) for item in receipt.items}
    if len(found) > 1:
        names = ", ".join(sorted(account for account, _ in found))
        raise InputError(
            f"the receipt is over several accounts ({names}), and result files do not say "
            "which line is whose"
        )
    return _Payer(*next(iter(found), ("", "")))


_Key: TypeAlias = tuple[str | None, str, Rates | None]


@dataclass(slots=True)
class _Sum:
    """What a receipt has of one model, band and rates, however many items that are."""

    lines: int = 0
    unknown: int = 0
    usage: Usage = field(default_factory=Usage)
    priced: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, item: CostItem) -> None:
        self.lines += item.lines
        self.unknown += item.unknown_lines
        self.usage += item.usage
        if item.cost is None:
            self.unpriced += item.lines
        else:
            self.priced = total((self.priced, item.cost))

    def figures(self) -> Mapping[str, int | Decimal]:
        tokens = {name.replace("_", " "): getattr(self.usage, name) for name in TOKENS}
        return {
            "lines": self.lines,
            "lines without usage": self.unknown,
            "unpriced lines": self.unpriced,
            **tokens,
            "US dollars": self.priced,
        }


def _differences(receipt: Receipt, priced: Priced) -> Iterator[str]:
    stated, counted = _sums(receipt.items), _sums(priced.items)
    for key in {**stated, **counted}:
        pair = (stated.get(key, _Sum()).figures(), counted.get(key, _Sum()).figures())
        for name, said in pair[0].items():
            found = pair[1][name]
            if said != found:
                what = f"{key[0] or 'no model'} ({key[1]})"
                yield f"{what}: {said} {name} on the receipt, {found} in the files"
    for name in ("cost", "priced_cost"):
        said, found = getattr(receipt, name), getattr(priced, name)
        if said != found:
            yield f"{name.replace('_', ' ')}: {said} on the receipt, {found} from the files"


def _sums(items: Iterable[CostItem]) -> dict[_Key, _Sum]:
    sums: dict[_Key, _Sum] = {}
    for item in items:
        sums.setdefault((item.model, item.band, item.rates), _Sum()).add(item)
    return sums
