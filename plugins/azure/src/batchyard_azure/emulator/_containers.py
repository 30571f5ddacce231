"""Blobs, in containers: those that clients put, and the results of batches."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from batchyard.emulators import Blob, FileStore

__all__ = ["BlobOrder", "Containers", "Stored", "split_url"]

_MOST_BLOCKS = 50_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob as it stands.  `created_at` is in Unix seconds."""

    name: str
    blob: Blob
    content_type: str
    created_at: float
    etag: str


@dataclass(frozen=True, slots=True)
class BlobOrder:
    """A batch whose input and results are blobs.  `folder` is where results go, by URL."""

    input_url: str
    folder: str
    etag: str
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def result_url(self, kind: str) -> str:
        return f"{self.folder.rstrip('/')}/{self.guid}/{kind}.jsonl"


class Containers:
    """Of one storage account.  Everything blocks, and may be called from any thread."""

    def __init__(self, store: FileStore, names: frozenset[str]) -> None:
        self._store = store
        self._names = names
        self._blobs: dict[tuple[str, str], Stored] = {}
        self._blocks: dict[tuple[str, str], dict[str, Blob]] = {}
        self._lock = threading.Lock()
        self.result: Callable[[str], Blob | None] = lambda _: None
        """The bytes behind a result's path, once there are any."""

    def __contains__(self, container: str) -> bool:
        return container in self._names

    def put(self, container: str, name: str, blob: Blob, content_type: str, now: float) -> Stored:
        stored = Stored(name, blob, content_type, now, f'"0x{secrets.token_hex(8).upper()}"')
        with self._lock:
            before = self._blobs.get((container, name))
            self._blobs[container, name] = stored
        if before is not None:
            self._store.delete(before.blob)
        return stored

    def put_block(self, container: str, name: str, block_id: str, blob: Blob) -> None:
        with self._lock:
            blocks = self._blocks.setdefault((container, name), {})
            before = blocks.get(block_id)
            blocks[block_id] = blob
        if before is not None:
            self._store.delete(before)

    def commit(
        self, container: str, name: str, ids: list[str], content_type: str, now: float
    ) -> Stored | None:
        """The blob of these blocks; None if one of them was never put."""
        with self._lock:
            blocks = self._blocks.get((container, name), {})
            if len(ids) > _MOST_BLOCKS or any(one not in blocks for one in ids):
                return None
            self._blocks.pop((container, name), None)
        writer = self._store.writer()
        for one in ids:
            writer.write(blocks[one].path.read_bytes())
        for blob in blocks.values():
            self._store.delete(blob)
        return self.put(container, name, writer.commit(), content_type, now)

    def get(self, container: str, name: str) -> Stored | None:
        found = self._blobs.get((container, name))
        if found is not None:
            return found
        blob = self.result(f"{container}/{name}")
        return None if blob is None else Stored(name, blob, "application/octet-stream", 0, '"0x1"')

    def at(self, url: str) -> Stored | None:
        """The blob that a URL of ours names."""
        container, name = split_url(url)
        return self.get(container, name)

    def delete(self, container: str, name: str) -> bool:
        with self._lock:
            found = self._blobs.pop((container, name), None)
        if found is not None:
            self._store.delete(found.blob)
        return found is not None

    def list(self, container: str, prefix: str) -> list[Stored]:
        """In the order of their names."""
        found = [
            one
            for (place, name), one in self._blobs.copy().items()
            if place == container and name.startswith(prefix)
        ]
        return sorted(found, key=lambda one: one.name)


def split_url(url: str) -> tuple[str, str]:
    """Container and name, of ``…/blob/CONTAINER/NAME``."""
    path = unquote(urlsplit(url).path).removeprefix("/blob/")
    container, _, name = path.partition("/")
    return container, name
