"""Fetching a finished batch's files, and what they come to."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from batchyard.client._join import Join, JoinFiles
from batchyard.client._options import ref_of
from batchyard.client._plans import tell_batch
from batchyard.client._results import Result
from batchyard.effects import Blocking, Stream
from batchyard.errors import (
    AuthenticationError,
    BadRequestError,
    BatchyardError,
    NotFinishedError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
)
from batchyard.models import Batch, Call, FileObject, Ref, Totals, Usage
from batchyard.registry import Account

__all__ = ["Progress", "collect", "end_of", "save", "size_of"]

log = logging.getLogger("batchyard.client")

WRITE = 256 * 1024
"""Bytes gathered before a trip to a thread that writes them."""

UNREADABLE = (NotFoundError, PermissionDeniedError, BadRequestError, UnsupportedError)
"""Answers after which an input file is one that cannot be read any more."""


async def collect(
    account: Account,
    call: Call,
    batch: Batch,
    join: Join,
    own_input: Path | None = None,
    *,
    alone: bool = False,
) -> Stream[list[Result]]:
    """The batch's results in blocks; *own_input* is the input file where the caller has it.

    *alone* leaves the input out, for who wants only what the responses add up to.

    Both the output and the error file are read, whatever the terminal status.
    They are kept on disk, beside their indexes, until the stream ends.
    Raises :class:`NotFinishedError` for a batch that still runs.
    """
    if not batch.terminal:
        raise NotFinishedError(f"batch {batch.id} is {batch.status}; wait for its end first")
    # not in a thread: a cancellation while it ran would leave the folder behind
    folder = Path(tempfile.mkdtemp(prefix="batchyard-"))
    try:
        lines = own_input
        if lines is None and not alone:
            lines = await _input(account, call, batch, folder / "input.jsonl")
        files = JoinFiles(folder, lines, await _results(account, call, batch, folder))
        blocks = join.blocks(files)
        while block := await Blocking(lambda: next(blocks, [])):
            yield block
    finally:
        # no effect may be awaited here: the stream may be closing
        shutil.rmtree(folder, ignore_errors=True)


async def _input(account: Account, call: Call, batch: Batch, path: Path) -> Path | None:
    if batch.input_file_id is None:
        return None
    try:
        await save(account.file_content(call, Ref(batch.input_file_id, batch.provider_state)), path)
    except AuthenticationError:
        raise
    except UNREADABLE:
        return None
    return path


async def _results(account: Account, call: Call, batch: Batch, folder: Path) -> tuple[Path, ...]:
    paths = []
    for name, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
        if file_id is not None:
            path = folder / f"{name}.jsonl"
            try:
                await save(account.file_content(call, Ref(file_id, batch.provider_state)), path)
            except NotFoundError:
                if not _may_lack(batch, name):
                    raise
            else:
                paths.append(path)
    return tuple(paths)


def _may_lack(batch: Batch, name: str) -> bool:
    """Whether a file that is named need not be there: the batch was cut off, and counts none."""
    counts = batch.request_counts
    lines = 0 if counts is None else counts.completed if name == "output" else counts.failed
    return batch.status in {"cancelled", "expired"} and not lines


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell of the bytes written, and of how many there are, if that is known."""

    tell: Callable[[int, int | None], object]
    total: int | None


async def size_of(account: Account, call: Call, file: str | FileObject) -> int | None:
    """A file's size in bytes, asked of the provider unless *file* says it."""
    if isinstance(file, FileObject) and file.bytes is not None:
        return file.bytes
    if not account.supports("retrieve_file"):
        return None
    return (await account.retrieve_file(call, ref_of(file))).bytes


async def save(content: Stream[bytes], path: Path, progress: Progress | None = None) -> int:
    """Write a stream to *path*; the bytes written.  A failure leaves what had come until then."""
    file: IO[bytes] = await Blocking(lambda: path.open("wb"))
    written = 0
    try:
        buffer = bytearray()
        async for piece in content:
            buffer += piece
            if len(buffer) >= WRITE:
                written += await _write(file, buffer)
                if progress is not None:
                    progress.tell(written, progress.total)
        written += await _write(file, buffer)
        if progress is not None:
            progress.tell(written, progress.total)
    finally:
        file.close()
    return written


async def _write(file: IO[bytes], buffer: bytearray) -> int:
    block = bytes(buffer)
    buffer.clear()
    written: int = await Blocking(lambda: file.write(block))
    return written


TERMINAL_HOOKS = {
    "completed": "batch_success",
    "failed": "batch_failed",
    "expired": "batch_expired",
    "cancelled": "batch_cancelled",
}


async def end_of(account: Account, call: Call, batch: Batch) -> None:
    """Tell of the batch's end, with its totals read from the files if a listener needs them."""
    hook = TERMINAL_HOOKS.get(batch.status)
    if hook is None or not account.hears(hook):
        return
    totals: Totals | None = None
    try:
        if account.needs_totals(hook):
            totals = await _totals(account, call, batch)
    except BatchyardError as error:
        # a listener's figures must not turn the end of a good batch into a failure
        log.warning("the totals of batch %s are unknown: %s", batch.id, error)
    await tell_batch(account, hook, batch, totals=totals)


async def _totals(account: Account, call: Call, batch: Batch) -> Totals:
    """All that the responses used.  What they cost is not known without a ledger."""
    read = account.usage_reader(batch.endpoint or "")
    usage, lines = Usage(), 0
    join = Join(batch, read)
    async for block in collect(account, call, batch, join, alone=True):
        for result in block:
            usage, lines = usage + result.usage, lines + 1
    return Totals(usage, lines)
