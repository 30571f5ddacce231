"""Where models take batches, and which buckets are near (Vertex AI, locations)."""

from __future__ import annotations

__all__ = ["fits", "why_not_there"]

NO_REGION = frozenset({"global", "us", "eu"})

_EMBEDDING_001 = frozenset(
    {"us-central1", "us-east1", "us-east4", "us-west1", "us-west4", "europe-west1", "europe-west4"}
)

_CONTINENTS = {"us": ("US", "NAM"), "europe": ("EU", "EUR"), "asia": ("ASIA",)}
"""Of the regions that begin so, the locations of buckets that span them begin so."""


def why_not_there(model: str, location: str) -> str | None:
    """Why *location* takes no batches of *model* (its resource name), if that is known."""
    name = model.rpartition("/")[2]
    if name.startswith("gemini-embedding-001"):
        away = location not in _EMBEDDING_001
        where = ", ".join(sorted(_EMBEDDING_001))
    elif name.startswith("gemini-embedding-2"):
        away, where = location not in NO_REGION, "global, us and eu"
    else:
        google = model.startswith("publishers/google/")
        away, where = not google and location in NO_REGION, "regions only"
    return f"{name} takes batches in {where}, and not in {location}" if away else None


def fits(bucket: str, location: str) -> bool:
    """Whether a bucket's location suits jobs at *location*; it is compared in capitals."""
    bucket = bucket.upper()
    if location == "global" or bucket == location.upper():
        return True
    if location in NO_REGION:
        continent = "europe" if location == "eu" else location
        # any region of the continent, as well as what spans it
        return bucket.startswith((f"{continent.upper()}-", *_CONTINENTS[continent]))
    return bucket.startswith(_CONTINENTS.get(location.partition("-")[0], ())) and "-" not in bucket
