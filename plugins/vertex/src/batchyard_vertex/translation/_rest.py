"""What of a body says nothing of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._losses import Loss, Notes
from batchyard_vertex.translation._refusals import RowRefusedError

__all__ = ["MOST_LABELS", "labels_in", "without_effect"]

MOST_LABELS = 60
"""Of 64 that a request may have (Google Cloud, requirements for labels)."""

_REASON = "It says nothing of the answer."
_IGNORED = {
    name: Loss("ignored", name, _REASON)
    for name in (
        "background",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
    )
}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""No dash, which a label may have: the importer makes a column of it."""

_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
"""Not one that looks like a number or a date: the importer would make it one."""

_WORDS = frozenset({"true", "false", "null", "nan", "inf", "infinity", "yes", "no", "t", "f"})


def without_effect(name: str) -> Loss | None:
    return _IGNORED.get(name)


def labels_in(body: Mapping[str, Any], notes: Notes) -> dict[str, str]:
    """Metadata, as far as labels can have it: they are seen on the bill."""
    labels: dict[str, str] = {}
    for name in ("metadata", "labels"):
        given = body.get(name)
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise RowRefusedError(f"`{name}` is a JSON object.", name)
        for key, value in given.items():
            text = value if isinstance(value, str) else ""
            good = _KEY.fullmatch(key) and _VALUE.fullmatch(text) and text not in _WORDS
            if good and not key.startswith("batchyard") and len(labels) < MOST_LABELS:
                labels[key] = text
            else:
                reason = "It cannot be a label: small letters, digits and _, no number and no date."
                # users' own keys are as many as they like, and one path in a report
                notes.append(Loss("ignored", f"{name}.*", reason))
    return labels
