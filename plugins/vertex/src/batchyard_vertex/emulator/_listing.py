"""Pages of objects (Cloud Storage, objects.list)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._objects import Stored

__all__ = ["listing"]

MOST = 1000


def listing(found: Sequence[Stored], query: Mapping[str, str], url: str) -> dict[str, Any]:
    """A page of what is *found*, by name; one that is empty has no ``items``."""
    start, stop = query.get("startOffset", ""), query.get("endOffset")
    after = _after(query.get("pageToken"))
    rest = [
        one
        for one in found
        if one.name >= start and (not stop or one.name < stop) and (not after or one.name > after)
    ]
    items, prefixes = _folded(rest, query.get("prefix", ""), query.get("delimiter"))
    size = _size(query.get("maxResults"))
    document: dict[str, Any] = {"kind": "storage#objects"}
    if items:
        document["items"] = [one.document(url) for one in items[:size]]
    if prefixes:
        document["prefixes"] = prefixes
    if len(items) > size:
        document["nextPageToken"] = base64.urlsafe_b64encode(items[size - 1].name.encode()).decode()
    return document


def _folded(
    rest: Sequence[Stored], prefix: str, delimiter: str | None
) -> tuple[list[Stored], list[str]]:
    """What is in the folder itself, and the folders in it."""
    if not delimiter:
        return list(rest), []
    items, prefixes = [], set()
    for one in rest:
        head, found, _ = one.name[len(prefix) :].partition(delimiter)
        if found:
            prefixes.add(prefix + head + delimiter)
        else:
            items.append(one)
    return items, sorted(prefixes)


def _after(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except ValueError:
        raise ApiError(400, "Invalid Value", reason="invalid") from None


def _size(text: str | None) -> int:
    try:
        return min(int(text or MOST), MOST) or MOST
    except ValueError:
        raise ApiError(400, "Invalid Value", reason="invalid") from None
