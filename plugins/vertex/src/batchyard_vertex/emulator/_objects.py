"""Buckets and what is in them."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from batchyard.emulators import Blob, FileStore
from batchyard_vertex.emulator._errors import ApiError

__all__ = ["Objects", "Stored", "rfc3339"]


def rfc3339(at: float, *, micro: bool = True) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}Z" if micro else f"{text}Z"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object.  ``visible_at`` is when lists begin to have it."""

    bucket: str
    name: str
    blob: Blob
    generation: int
    created_at: float
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    visible_at: float = 0.0

    def document(self, url: str) -> dict[str, Any]:
        """As the JSON API shows it; numbers of 64 bits are text."""
        md5 = base64.b64encode(
            hashlib.md5(self.blob.path.read_bytes(), usedforsecurity=False).digest()
        )
        link = f"{url}/storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        document: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": link,
            "mediaLink": f"{link}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(self.blob.size),
            "md5Hash": md5.decode(),
            "etag": f"CJ{self.generation}",
            "timeCreated": rfc3339(self.created_at),
            "updated": rfc3339(self.created_at),
        }
        if self.metadata:
            document["metadata"] = self.metadata
        return document


class Objects:
    """All objects; those who write say what they expect to find there."""

    def __init__(self, store: FileStore, buckets: tuple[str, ...]) -> None:
        self.store = store
        self._buckets: dict[str, dict[str, Stored]] = {name: {} for name in buckets}
        self._generations = count(1_790_000_000_000_000)

    def __contains__(self, bucket: str) -> bool:
        return bucket in self._buckets

    def get(self, bucket: str, name: str) -> Stored:
        found = self._objects(bucket).get(name)
        if found is None:
            raise ApiError(404, f"No such object: {bucket}/{name}", reason="notFound")
        return found

    def check(self, bucket: str, name: str, if_generation: str | None) -> None:
        """The precondition on what is there (Cloud Storage, request preconditions)."""
        found = self._objects(bucket).get(name)
        if if_generation is None:
            return
        if if_generation != str(found.generation if found else 0):
            message = "At least one of the pre-conditions you specified did not hold."
            raise ApiError(412, message, reason="conditionNotMet")

    def put(
        self,
        bucket: str,
        name: str,
        blob: Blob,
        *,
        at: float,
        metadata: dict[str, str] | None = None,
        visible_at: float = 0.0,
    ) -> Stored:
        stored = Stored(
            bucket,
            name,
            blob,
            next(self._generations),
            at,
            metadata=metadata or {},
            visible_at=visible_at,
        )
        self._objects(bucket)[name] = stored
        return stored

    def delete(self, bucket: str, name: str) -> None:
        self.get(bucket, name)
        # the bytes stay: a job may be reading them
        del self._objects(bucket)[name]

    def list(self, bucket: str, prefix: str, glob: str | None, now: float) -> list[Stored]:
        """By name, as UTF-8 sorts."""
        # jobs put objects from threads of their own meanwhile
        there = self._objects(bucket).copy()
        return [
            one
            for name, one in sorted(there.items())
            if name.startswith(prefix)
            and one.visible_at <= now
            and (glob is None or fnmatch.fnmatchcase(name, glob))
        ]

    def _objects(self, bucket: str) -> dict[str, Stored]:
        if bucket not in self._buckets:
            message = f"The specified bucket does not exist: {bucket}"
            raise ApiError(404, message, reason="notFound")
        return self._buckets[bucket]
