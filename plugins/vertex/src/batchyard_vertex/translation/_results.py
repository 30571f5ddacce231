"""Reading a job's rows, from all their shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from batchyard.effects import Blocking, Sleep, Stream
from batchyard.errors import MalformedReplyError, NotFinishedError, NotFoundError
from batchyard.lines import MAX_RESULT_LINE
from batchyard_vertex._folder import Folder, listed
from batchyard_vertex._names import Places, ResultId
from batchyard_vertex.storage import Bucket
from batchyard_vertex.translation._row_ids import RowIds
from batchyard_vertex.translation._rows import Rows

__all__ = ["Ended", "result_lines", "whole"]

BLOCK = 256 * 1024
"""Bytes of rows that are translated together, so that a trip to a thread is worth it."""

LINES = 500
"""Lines written together."""

LATE = (1.0, 2.0, 4.0)
"""Seconds to wait for objects that are not listed yet when the job has ended, while rows are
missing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a job's end left: its input file, the folder of its output, and its status.

    ``rows`` is how many the job counted; ``None`` if it did not say.
    """

    input: str
    output: str | None
    status: str
    rows: int | None = None

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None, places: Places) -> Ended | None:
        """As a batch's ``provider_state`` tells it, if that is of a job that has ended."""
        if not state or state.get("status") not in {"completed", "failed", "cancelled", "expired"}:
            return None
        file_id, output = state.get("input"), state.get("output")
        if not isinstance(file_id, str) or not isinstance(output, str | None):
            return None
        # what was kept elsewhere may not lead out of the account's part of the bucket
        own = places.file_of_input(places.uri(places.input(file_id))) == file_id
        own = own and (output is None or places.own(places.uri(output)) == output)
        rows = state.get("rows")
        counted = rows if type(rows) is int and rows >= 0 else None
        return cls(file_id, output, str(state["status"]), counted) if own else None

    def check(self) -> None:
        if self.status not in {"completed", "failed", "cancelled", "expired"}:
            raise NotFinishedError(f"the batch is {self.status}; it has no results yet")

    def waits(self) -> tuple[float, ...]:
        """Whatever the job's end: rows of one that was cut short are there, and paid for."""
        return () if self.output is None or self.rows == 0 else LATE

    def is_all(self, found: int) -> bool:
        """Whether that many different rows are as many as the job says there are."""
        return self.rows is not None and found >= self.rows


async def result_lines(
    bucket: Bucket, places: Places, result: ResultId, ended: Ended
) -> Stream[bytes]:
    """The output or the error file, as OpenAI would have written it."""
    ended.check()
    folder = await listed(bucket, ended.output) if ended.output is not None else None
    if folder is not None and folder.is_deleted(result.role):
        raise NotFoundError("the file was deleted", status=404, param="file_id")
    if folder is not None and folder.is_deleted("output"):
        async with aclosing(bucket.content(folder.kept)) as pieces:
            async for piece in pieces:
                yield piece
        return
    ids = RowIds(await whole(bucket.content(places.ids(ended.input))))
    rows = Rows(ids, result.role, result.job)
    try:
        async with aclosing(_of(rows, bucket, ended, folder)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        rows.close()


async def _of(rows: Rows, bucket: Bucket, ended: Ended, folder: Folder | None) -> Stream[bytes]:
    async with aclosing(_in_blocks(rows.left_out())) as blocks:
        async for block in blocks:
            yield block
    read: set[str] = set()
    for wait in (*ended.waits(), None):
        for name in folder.shards if folder is not None else ():
            if name not in read:
                read.add(name)
                async with aclosing(_translated(bucket.content(name), rows)) as pieces:
                    async for piece in pieces:
                        yield piece
        if rows.complete or ended.is_all(rows.found) or wait is None:
            break
        await Sleep(wait)
        folder = folder and await listed(bucket, folder.name)
    async with aclosing(_in_blocks(rows.never_run(ended.status))) as blocks:
        async for block in blocks:
            yield block


async def _translated(content: Stream[bytes], rows: Rows) -> Stream[bytes]:
    """Lines of whole rows, however the bytes are cut."""
    held = bytearray()
    async with aclosing(content):
        async for piece in content:
            held += piece
            if len(held) > MAX_RESULT_LINE:
                raise MalformedReplyError(f"a row has more than {MAX_RESULT_LINE} bytes")
            end = held.rfind(b"\n", len(held) - len(piece)) + 1 if len(held) >= BLOCK else 0
            if end:
                whole = bytes(held[:end])
                del held[:end]
                yield await Blocking(partial(rows.translated, whole))
    if held:
        yield await Blocking(partial(rows.translated, bytes(held)))


async def _in_blocks(lines: Iterator[bytes]) -> Stream[bytes]:
    def block() -> bytes:
        return b"".join(islice(lines, LINES))

    while made := await Blocking(block):
        yield made


async def whole(content: Stream[bytes]) -> bytes:
    """Of what is small, or has to be in memory."""
    data = bytearray()
    async with aclosing(content):
        async for piece in content:
            data += piece
    return bytes(data)
