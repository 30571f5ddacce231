"""A file's bytes, from the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from batchyard.errors import NotFoundError
from batchyard.ledger.parts import Parts
from batchyard.ledger.records import FileRecord
from batchyard.ledger.settlement import ResultContent
from batchyard.ledger.store import Store, StoreMissingError

__all__ = ["content", "opened_results"]

READ = 256 * 1024


async def content(
    parts: Parts,
    file: FileRecord,
    start: int = 0,
    end: int | None = None,
    *,
    as_completed: bool = False,
) -> AsyncGenerator[bytes, None]:
    """The bytes from *start* to before *end*, read off the event loop.

    A result file comes in the order of the input or, *as_completed*, in the
    provider's.  Raises :class:`NotFoundError` for a file whose bytes are gone.
    """
    scope, pieces = await asyncio.to_thread(
        _opened, parts.store, file, (start, end), as_completed=as_completed
    )
    reading = None
    try:
        while True:
            # whoever is cancelled must not close what a thread still reads
            reading = asyncio.ensure_future(asyncio.to_thread(next, pieces, b""))
            if not (block := await asyncio.shield(reading)):
                return
            yield block
    finally:
        if reading is not None and not reading.done():
            await asyncio.wait({reading})
        scope.close()


def _opened(
    store: Store, file: FileRecord, part: tuple[int, int | None], *, as_completed: bool
) -> tuple[ExitStack, Iterator[bytes]]:
    start, end = part
    stop = file.bytes if end is None else min(end, file.bytes)
    with ExitStack() as scope:
        try:
            if file.batch_id is not None:
                results = scope.enter_context(opened_results(store, file.id, scope))
                pieces = results.read(start, stop, as_completed=as_completed)
            else:
                stored = scope.enter_context(store.open(f"{file.id}/content.jsonl"))
                pieces = _pieces(stored, start, stop)
        except StoreMissingError as error:
            raise NotFoundError(f"the bytes of {file.id} are gone", status=404) from error
        return scope.pop_all(), pieces


def opened_results(store: Store, file_id: str, scope: ExitStack) -> ResultContent:
    """A result file to be read line by line; *scope* keeps its places."""
    places: list[Path] = [
        scope.enter_context(store.local(f"{file_id}/{part}"))
        for part in ("content.jsonl", "offsets.index")
    ]
    return ResultContent(places[0], places[1])


def _pieces(file: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while left > 0 and (block := file.read(min(READ, left))):
        left -= len(block)
        yield block
