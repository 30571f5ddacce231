"""What is left of uploads that ended without a row in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, islice

from batchyard.ledger.store import Store, StoreMissingError

__all__ = ["sweep"]

PAGE = 500
"""Ids that are asked about together."""

Known = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Which of some ids are the ledger's."""


async def sweep(store: Store, known: Known, *, before: float) -> int:
    """Delete what belongs to no file of the ledger, and say how many ids that were.

    An upload has its bytes before it has its row, so nothing is touched of which
    a part was written after the Unix time *before*: choose one longer ago than
    any upload may take.
    """
    await asyncio.to_thread(store.sweep, before)
    ids = (id_ for id_, _ in groupby(store.names(), key=_id))
    deleted = 0
    while page := await asyncio.to_thread(_page, ids):
        ours = await known(page)
        strangers = [id_ for id_ in page if id_ not in ours]
        deleted += await asyncio.to_thread(_delete, store, strangers, before)
    return deleted


def _page(ids: Iterator[str]) -> list[str]:
    return list(islice(ids, PAGE))


def _delete(store: Store, ids: Sequence[str], before: float) -> int:
    old = [id_ for id_ in ids if _last_change(store, id_) < before]
    for id_ in old:
        store.delete_all(id_)
    return len(old)


def _last_change(store: Store, id_: str) -> float:
    return max((_written(store, name) for name in store.names(id_)), default=0.0)


def _written(store: Store, name: str) -> float:
    with suppress(StoreMissingError), store.local(name) as path:
        return path.stat().st_mtime
    return 0.0


def _id(name: str) -> str:
    return name.partition("/")[0]
