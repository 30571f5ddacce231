"""Which models there are, of which kind, and where they take batches."""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["Kind", "kind_of", "why_not_there"]

_PUBLISHED = re.compile(
    r"(?:projects/[^/]+/locations/[^/]+/)?publishers/([\w-]+)/models/([\w.@-]+)"
)
_TUNED = re.compile(r"projects/[^/]+/locations/[^/]+/models/[\w@.-]+")
_OPEN = frozenset({"meta", "openai", "qwen", "deepseek-ai", "intfloat"})
_EMBEDDING_001 = frozenset(
    {"us-central1", "us-east1", "us-east4", "us-west1", "us-west4", "europe-west1", "europe-west4"}
)
_NO_REGION = frozenset({"global", "us", "eu"})


class Kind(Enum):
    """What the rows of a model look like."""

    GEMINI = "gemini"
    EMBEDDING = "embedding"
    LEGACY_EMBEDDING = "legacy embedding"
    CLAUDE = "claude"
    OPEN = "open"


def kind_of(model: str) -> Kind | None:
    """``None`` for a model that does not exist."""
    if _TUNED.fullmatch(model):
        return Kind.GEMINI
    found = _PUBLISHED.fullmatch(model)
    if found is None:
        return None
    publisher, name = found[1], found[2]
    if publisher == "google":
        return _of_google(name)
    if publisher == "anthropic":
        return Kind.CLAUDE if name.startswith("claude-") else None
    return Kind.OPEN if publisher in _OPEN else None


def _of_google(name: str) -> Kind | None:
    if name.startswith("gemini-embedding-"):
        return Kind.EMBEDDING
    if name.startswith(("text-embedding-", "text-multilingual-embedding-")):
        return Kind.LEGACY_EMBEDDING
    return Kind.GEMINI if name.startswith("gemini-") else None


def why_not_there(model: str, location: str) -> str | None:
    """Why a location takes no batches of a model, if it takes none (locations of models)."""
    name = model.rpartition("/")[2]
    if name.startswith("gemini-embedding-001"):
        away = location not in _EMBEDDING_001
    elif name.startswith("gemini-embedding-2"):
        away = location not in _NO_REGION
    else:
        kind = kind_of(model)
        regional = kind in {Kind.CLAUDE, Kind.OPEN} or _TUNED.fullmatch(model) is not None
        away = regional and location in _NO_REGION
    return f"Model {name} is not supported for batch prediction in {location}." if away else None
