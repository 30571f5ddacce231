"""Events and lines of batches as files: on a disk, in S3, or in another object store."""

from __future__ import annotations

from batchyard_objectstore._settings import ObjectStoreSettings
from batchyard_objectstore._sink import ObjectStoreSink

__all__ = ["ObjectStoreSettings", "ObjectStoreSink"]
