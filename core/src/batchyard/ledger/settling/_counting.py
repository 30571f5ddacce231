"""From the jobs' files to the batch's: what each line came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from batchyard.ledger.parts import Parts
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.settlement import FilePaths, JobFiles, Settled, SettleTask, run_settle
from batchyard.ledger.settling._fetching import Fetched, fetch
from batchyard.ledger.store import Store, StoreError, StoreMissingError
from batchyard.lines import index_results

__all__ = ["Counted", "count", "keep"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a batch's files say.  ``lacks`` is what should be there and is not.

    ``output`` and ``errors`` are where the new files are for now.
    """

    settled: Settled
    output: FilePaths
    errors: FilePaths
    lacks: tuple[str, ...]


@asynccontextmanager
async def count(
    parts: Parts, batch: BatchRecord, jobs: Sequence[JobRecord]
) -> AsyncIterator[Counted]:
    """Fetch and count.  What was written is gone after the block, unless it is kept."""
    readers = {
        name: parts.accounts.get(name).account.usage_reader(batch.endpoint)
        for name in {batch.account, *(job.account for job in jobs)}
    }
    with ExitStack() as scope:
        folder = scope.enter_context(parts.store.scratch())
        fetched = [await fetch(parts, job, folder) for job in jobs]
        output = FilePaths(folder / "output.jsonl", folder / "output.offsets")
        errors = FilePaths(folder / "errors.jsonl", folder / "errors.offsets")
        input_path, index, refusals = _places(parts.store, batch.input_file_id, scope)
        carried = await _carried(parts.store, jobs, fetched, folder, scope)
        task = SettleTask(
            usage_of=readers[batch.account],
            jobs=tuple(
                replace(files, usage_of=readers[job.account])
                for job, files in zip(jobs, carried, strict=True)
            ),
            output=output,
            errors=errors,
            scratch=folder,
            input=input_path,
            index=index,
            refusals=refusals,
        )
        settled = await run_settle(task, in_process=parts.settings.settle_in_process)
        lacks = tuple(one.lacks for one in fetched if one.lacks is not None)
        yield Counted(settled, output, errors, lacks)


def _places(
    store: Store, file_id: str | None, scope: ExitStack
) -> tuple[Path | None, Path | None, Path | None]:
    """The input with its index and what gates refused of it, as far as they are there."""
    if file_id is None:
        return None, None, None
    names = (f"{file_id}/{part}" for part in ("content.jsonl", "lines.index", "refusals.jsonl"))
    found = [_local(store, name, scope) for name in names]
    return found[0], found[1], found[2]


def _local(store: Store, name: str, scope: ExitStack) -> Path | None:
    try:
        return scope.enter_context(store.local(name))
    except StoreMissingError:
        return None


async def _carried(
    store: Store,
    jobs: Sequence[JobRecord],
    fetched: Sequence[Fetched],
    folder: Path,
    scope: ExitStack,
) -> tuple[JobFiles, ...]:
    """Each job's files and what it was sent: a part of the input, where it is not the only job."""
    parted = sum(1 for job in jobs if job.twin_of is None) > 1
    carried = []
    for job, one in zip(jobs, fetched, strict=True):
        sent = None if job.input is None else _local(store, job.input, scope)
        index = None
        if parted and sent is not None:
            index = folder / f"{job.id}.index"
            await asyncio.to_thread(index_results, sent, index)
        carried.append(replace(one.files, sent=sent, index=index))
    return tuple(carried)


async def keep(parts: Parts, counted: Counted, output: str | None, errors: str | None) -> None:
    """Make the files the store's, with their offsets, together with those of other batches."""
    files = {
        file_id: {"content.jsonl": paths.content, "offsets.index": paths.offsets}
        for paths, file_id in ((counted.output, output), (counted.errors, errors))
        if file_id is not None
    }
    refused = await parts.grouped(_keep_all, files) if files else {}
    for error in refused.values():
        raise error


async def _keep_all(
    parts: Parts, each: Sequence[Mapping[str, Mapping[str, Path]]]
) -> list[dict[str, StoreError]]:
    """Of each, what the store refused."""
    whole = {file_id: paths for files in each for file_id, paths in files.items()}
    refused = await asyncio.to_thread(parts.store.adopt, whole)
    return [{one: refused[one] for one in files if one in refused} for files in each]
