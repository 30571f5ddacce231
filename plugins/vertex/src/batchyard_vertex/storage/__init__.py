"""Objects in buckets of Cloud Storage."""

from __future__ import annotations

from batchyard_vertex.storage._bucket import Bucket, BucketInfo, StoredObject

__all__ = ["Bucket", "BucketInfo", "StoredObject"]
