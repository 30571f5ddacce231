"""From a body that arrives to parts in the store."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from batchyard.errors import BatchyardError, InputError, SourceError
from batchyard.gates import GateChain
from batchyard.ledger.staging._arriving import Arriving
from batchyard.ledger.staging._sent import Sent, pass_gates
from batchyard.ledger.store import Store, StoreError
from batchyard.lines import FileCheck, LineIndex, check_arriving
from batchyard.sources import Source
from batchyard.steps import PathSource

__all__ = ["Staged", "stage"]

L = TypeVar("L", int, int | None)


@dataclass(frozen=True, slots=True)
class Staged:
    """What was accepted; the fields are columns of the ledger's ``files``.

    ``lines`` counts requests, with the ``refused`` ones; it is ``None`` for a
    file that was not checked.  ``digest`` is the SHA-256 of the content as it
    came, in hex.  ``models`` are those of the lines that are to be sent, and
    ``sent_bytes`` is the size of what is sent, where that is not the content.
    """

    bytes: int
    digest: str
    lines: int | None = None
    refused: int = 0
    index_digest: str | None = None
    endpoint: str | None = None
    models: Mapping[str, int] = field(default_factory=dict)
    sent_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Rules:
    gates: GateChain
    checked: bool
    max_bytes: int | None
    models: Collection[str] | None


async def stage(  # noqa: PLR0913 - what it goes by is named, and each has a default
    store: Store,
    file_id: str,
    source: Source | Arriving,
    *,
    gates: GateChain | None = None,
    checked: bool = True,
    max_bytes: int | None = None,
    models: Collection[str] | None = None,
) -> Staged:
    """Put a file into the store as *file_id*, if every line is valid; see :class:`Staged`.

    Off the event loop, and in constant memory: it is checked as it is written,
    and a body that arrives (:class:`Arriving`) as it comes.  *models* are those that lines
    may ask for, if not any.  A file that is not *checked* is stored as it is:
    what is no input of batches is nothing for gates either.  A file that is
    refused leaves nothing behind, nor does a call that is cancelled.

    Raises :class:`~batchyard.errors.InvalidLinesError` with all lines that are wrong,
    :class:`InputError` for a file that is too large, :class:`SourceError` for
    one that cannot be read.
    """
    rules = _Rules(gates or GateChain(), checked, max_bytes, models)
    stop = threading.Event()
    task = partial(_stage, store, file_id, _Abandonable(source.chunks, source.length, stop), rules)
    # who sends slowly would keep the threads that everybody else needs
    arrives = isinstance(source, Arriving)
    work = asyncio.ensure_future(_in_own_thread(task) if arrives else asyncio.to_thread(task))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        if isinstance(source, Arriving):
            source.fail(SourceError("the upload was given up"))
        # the thread ends at its next block; nobody asks how any more
        with suppress(BatchyardError):
            await work
            await asyncio.to_thread(store.delete_all, file_id)
        raise


async def _in_own_thread(task: Callable[[], Staged]) -> Staged:
    done: Future[Staged] = Future()

    def run() -> None:
        try:
            done.set_result(task())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)

    # what it logs is of the request that it is for
    context = copy_context()
    threading.Thread(target=context.run, args=(run,), name="batchyard-staging", daemon=True).start()
    return await asyncio.wrap_future(done)


def _stage(store: Store, file_id: str, source: _Abandonable[int | None], rules: _Rules) -> Staged:
    try:
        with ExitStack() as places:
            # the first to be opened is the last to get its name: content comes with all the rest
            content = places.enter_context(store.place(f"{file_id}/content.jsonl"))
            body = _whole(source, rules.max_bytes)
            if not rules.checked:
                return Staged(*_keep(body, content))
            index = places.enter_context(store.place(f"{file_id}/lines.index"))
            check = check_arriving(body, content, index, models=rules.models)
            check.raise_for_problems()
            sent = None
            if rules.gates.sees_lines or check.has_bom:
                kept = source.instead(PathSource(content))
                sent = pass_gates(store, file_id, kept, rules.gates, places)
            return _staged(check, index, sent)
    except OSError as error:
        store.delete_all(file_id)
        raise StoreError(f"cannot store the file: {error.strerror}") from error
    except BaseException:
        # some parts may have got their names before another could not
        store.delete_all(file_id)
        raise


def _staged(check: FileCheck, index: Path, sent: Sent | None) -> Staged:
    with LineIndex.open(index) as lines:
        index_digest = lines.digest()
    return Staged(
        bytes=check.bytes,
        digest=check.digest or "",
        lines=check.lines,
        refused=0 if sent is None else sent.refused,
        index_digest=index_digest,
        endpoint=check.endpoint,
        models=dict(check.models if sent is None else sent.models),
        sent_bytes=None if sent is None else sent.bytes,
    )


def _whole(source: _Abandonable[int | None], max_bytes: int | None) -> Iterator[bytes]:
    """The body, of which there is neither less nor more than was said."""
    size = 0
    _fits(source.length or 0, max_bytes)
    for chunk in source.chunks():
        size += len(chunk)
        _fits(size, max_bytes)
        yield chunk
    if source.length is not None and size != source.length:
        raise SourceError(f"the file has {size} bytes, and was said to have {source.length}")


def _keep(body: Iterator[bytes], path: Path) -> tuple[int, str]:
    """Write the body to *path*: its length and its SHA-256."""
    size = 0
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in body:
            size += len(chunk)
            sha256.update(chunk)
            file.write(chunk)
    return size, sha256.hexdigest()


def _fits(size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise InputError(
            f"The file has more than {max_bytes:,} bytes. Split it.",
            status=413,
            code="file_too_large",
            param="file",
        )


class _Abandonable(Generic[L]):
    """A body that ends with an error once nobody waits for it any more."""

    def __init__(
        self, chunks: Callable[[], Iterator[bytes]], length: L, stop: threading.Event
    ) -> None:
        self._chunks = chunks
        self._stop = stop
        self.length: L = length

    def instead(self, source: Source) -> _Abandonable[int]:
        """Another body, given up together with this one."""
        return _Abandonable(source.chunks, source.length, self._stop)

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._chunks():
            if self._stop.is_set():
                raise SourceError("the upload was given up")
            yield chunk
