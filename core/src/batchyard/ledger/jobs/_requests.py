"""What a job's provider is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from batchyard.errors import SourceError
from batchyard.ledger.records import BatchRecord, JobRecord
from batchyard.ledger.store import Store
from batchyard.lines import rename_models
from batchyard.models import BatchRequest, ExpiresAfter, FileUpload, Ref
from batchyard.sources import Source

__all__ = ["request_of", "upload_of"]

READ = 256 * 1024


class StoredSource:
    """A file of the store as a body that can be sent again."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._length = store.size(name)

    @property
    def length(self) -> int:
        return self._length

    def chunks(self) -> Iterator[bytes]:
        left = self._length
        with closing(self._store.open(self._name)) as file:
            while block := file.read(min(READ, left) or 1):
                left -= len(block)
                if left < 0:
                    break
                yield block
        if left:
            raise SourceError(f"{self._name} has changed in the store while it was sent")


class RenamedSource:
    """A source whose lines name models as their account does: the same bytes at each pass.

    Nothing is kept of it, so that nothing is left where a process dies.  Making
    it takes a pass, since a length has to be known before anything is sent.
    """

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        self._source = source
        self._names = names
        self._length = sum(map(len, rename_models(source.chunks(), names)))

    @property
    def length(self) -> int:
        return self._length

    def chunks(self) -> Iterator[bytes]:
        return rename_models(self._source.chunks(), self._names)


def upload_of(store: Store, job: JobRecord) -> FileUpload:
    """The job's own file, known by its name.  It blocks where models are renamed."""
    if job.input is None:
        raise SourceError(f"job {job.id} has no input to send")
    source: Source = StoredSource(store, job.input)
    if job.renames:
        source = RenamedSource(source, job.renames)
    return FileUpload(source, f"{job.marker}.jsonl")


def request_of(batch: BatchRecord, job: JobRecord) -> BatchRequest:
    return BatchRequest(
        Ref(job.provider_file_id or "", job.provider_file_state),
        batch.endpoint,
        batch.completion_window,
        batch.metadata,
        None if batch.output_expires_after is None else ExpiresAfter(batch.output_expires_after),
        job.asked_models,
        own_input=True,
    )
