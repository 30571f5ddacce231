"""Where an answer has what it says from, as OpenAI's annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["annotations_of"]


def annotations_of(candidate: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """Citations of the web, with places in *text* counted in characters."""
    if "groundingMetadata" not in candidate and "citationMetadata" not in candidate:
        return []
    place = _Places(text)
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": place.of(start),
                "end_index": place.of(end),
                "url": url,
                "title": title,
            },
        }
        for start, end, url, title in (*_grounded(candidate), *_cited(candidate))
    ]


class _Places:
    """Google counts in bytes of UTF-8, OpenAI in characters."""

    def __init__(self, text: str) -> None:
        self._data = None if text.isascii() else text.encode(errors="replace")

    def of(self, index: Any) -> int:
        number = index if type(index) is int and index > 0 else 0
        if self._data is None:
            return number
        return len(self._data[:number].decode(errors="ignore"))


def _grounded(candidate: Mapping[str, Any]) -> Iterator[tuple[Any, Any, str, str]]:
    about = candidate.get("groundingMetadata")
    if not isinstance(about, dict):
        return
    chunks = _list(about.get("groundingChunks"))
    for support in _list(about.get("groundingSupports")):
        if not isinstance(support, dict):
            continue
        segment = support.get("segment")
        where = segment if isinstance(segment, dict) else {}
        for index in _list(support.get("groundingChunkIndices")):
            chunk = chunks[index] if type(index) is int and 0 <= index < len(chunks) else None
            source = _source(chunk)
            if source is not None:
                yield where.get("startIndex"), where.get("endIndex"), *source


def _source(chunk: Any) -> tuple[str, str] | None:
    if not isinstance(chunk, dict):
        return None
    for kind in ("web", "retrievedContext", "maps"):
        about = chunk.get(kind)
        if isinstance(about, dict) and isinstance(about.get("uri"), str):
            return about["uri"], str(about.get("title") or about["uri"])
    return None


def _cited(candidate: Mapping[str, Any]) -> Iterator[tuple[Any, Any, str, str]]:
    about = candidate.get("citationMetadata")
    if not isinstance(about, dict):
        return
    for one in _list(about.get("citations")):
        if isinstance(one, dict) and isinstance(one.get("uri"), str):
            title = str(one.get("title") or one["uri"])
            yield one.get("startIndex"), one.get("endIndex"), one["uri"], title


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
