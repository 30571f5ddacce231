"""Buckets and what is in them."""

from __future__ import annotations

import base64
import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from batchyard.emulators import Blob, FileStore
from batchyard_vertex.emulator._access import PROJECT_NUMBER
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._globs import glob_pattern

BLOCK = 256 * 1024

__all__ = ["Hashes", "Objects", "Stored", "hashes_of", "rfc3339"]


def rfc3339(at: float, *, micro: bool = True) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}Z" if micro else f"{text}Z"


@dataclass(frozen=True, slots=True)
class Hashes:
    """In base64.  The service always has the CRC; here it takes a package of Google's."""

    md5: str | None
    crc32c: str | None

    @property
    def header(self) -> str:
        named = {"crc32c": self.crc32c, "md5": self.md5}
        return ",".join(f"{name}={value}" for name, value in named.items() if value)

    @property
    def document(self) -> dict[str, str]:
        named = {"md5Hash": self.md5, "crc32c": self.crc32c}
        return {name: value for name, value in named.items() if value}


def hashes_of(blob: Blob) -> Hashes:
    md5 = hashlib.md5(usedforsecurity=False)
    crc = _checksum()
    with blob.path.open("rb") as file:
        while block := file.read(BLOCK):
            md5.update(block)
            if crc is not None:
                crc.update(block)
    checksum = None if crc is None else base64.b64encode(crc.digest()).decode()
    return Hashes(base64.b64encode(md5.digest()).decode(), checksum)


def _checksum() -> Any:
    try:
        return importlib.import_module("google_crc32c").Checksum()
    except ImportError:
        return None


@dataclass(frozen=True, slots=True)
class Stored:
    """An object.  ``visible_at`` is when lists begin to have it."""

    bucket: str
    name: str
    blob: Blob
    generation: int
    created_at: float
    hashes: Hashes
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    visible_at: float = 0.0
    components: int | None = None

    def document(self, url: str) -> dict[str, Any]:
        """As the JSON API shows it; numbers of 64 bits are text."""
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
            **self.hashes.document,
            "etag": f"CJ{self.generation}",
            "timeCreated": rfc3339(self.created_at),
            "updated": rfc3339(self.created_at),
        }
        if self.metadata:
            document["metadata"] = self.metadata
        if self.components is not None:
            document["componentCount"] = self.components
        return document


class Objects:
    """All objects; those who write say what they expect to find there."""

    def __init__(self, store: FileStore, buckets: Mapping[str, str]) -> None:
        self.store = store
        self._locations = dict(buckets)
        self._buckets: dict[str, dict[str, Stored]] = {name: {} for name in buckets}
        self._generations = count(1_790_000_000_000_000)

    def __contains__(self, bucket: str) -> bool:
        return bucket in self._buckets

    def add_bucket(self, name: str, location: str) -> None:
        if name in self._buckets:
            message = "Your previous request to create the named bucket succeeded."
            raise ApiError(409, message, reason="conflict")
        self._locations[name] = location
        self._buckets[name] = {}

    def bucket(self, name: str) -> dict[str, Any]:
        """What is shown of a bucket."""
        self._objects(name)
        location = self._locations[name].upper()
        return {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "location": location,
            "locationType": "region" if "-" in location else "multi-region",
            "projectNumber": PROJECT_NUMBER,
            "storageClass": "STANDARD",
            "softDeletePolicy": {"retentionDurationSeconds": "0"},
        }

    def bucket_names(self) -> list[str]:
        return sorted(self._buckets)

    def get(self, bucket: str, name: str, generation: str | None = None) -> Stored:
        found = self._objects(bucket).get(name)
        if found is None or generation not in {None, str(found.generation)}:
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
        hashes: Hashes | None = None,
        **more: Any,
    ) -> Stored:
        """Store; *more* is the rest of what an object has."""
        objects = self._objects(bucket)
        generation = next(self._generations)
        known = hashes or hashes_of(blob)
        stored = Stored(bucket, name, blob, generation, at, known, **more)
        objects[name] = stored
        return stored

    def replace(self, stored: Stored) -> Stored:
        """Know an object otherwise, without a new generation."""
        self._objects(stored.bucket)[stored.name] = stored
        return stored

    def delete(self, bucket: str, name: str) -> None:
        self.get(bucket, name)
        # the bytes stay: a job may be reading them
        del self._objects(bucket)[name]

    def list(self, bucket: str, prefix: str, glob: str | None, now: float) -> list[Stored]:
        """By name, as UTF-8 sorts."""
        # jobs put objects from threads of their own meanwhile
        there = self._objects(bucket).copy()
        pattern = glob_pattern(glob) if glob else None
        found = [
            one
            for name, one in there.items()
            if name.startswith(prefix)
            and one.visible_at <= now
            and (pattern is None or pattern.fullmatch(name))
        ]
        return sorted(found, key=lambda one: one.name.encode())

    def _objects(self, bucket: str) -> dict[str, Stored]:
        if bucket not in self._buckets:
            message = f"The specified bucket does not exist: {bucket}"
            raise ApiError(404, message, reason="notFound")
        return self._buckets[bucket]
