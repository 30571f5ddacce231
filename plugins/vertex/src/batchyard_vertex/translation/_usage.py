"""Tokens, as Gemini and Claude count them and as OpenAI does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Counts", "claude_counts", "count_in", "gemini_counts"]


Usage: TypeAlias = Mapping[str, Any]


class Counts:
    """Tokens of one answer.  ``made`` has those of thoughts in it.

    ``audio`` and ``images`` are what was given, without what was cached, and what was
    made: cached tokens have a price of their own, whatever they are of.
    """

    __slots__ = ("audio", "cached", "given", "images", "made", "thoughts", "total", "written")

    def __init__(self, given: int, made: int, total: int, thoughts: int, cached: int) -> None:
        self.given = given
        self.made = made
        self.total = total
        self.thoughts = thoughts
        self.cached = cached
        self.written = 0
        self.audio = (0, 0)
        self.images = (0, 0)

    def of_chat(self) -> dict[str, Any]:
        given, made = self._details()
        return {
            "prompt_tokens": self.given,
            "completion_tokens": self.made,
            "total_tokens": self.total,
            "prompt_tokens_details": {**given, "audio_tokens": self.audio[0]},
            "completion_tokens_details": {**made, "audio_tokens": self.audio[1]},
        }

    def of_response(self) -> dict[str, Any]:
        given, made = self._details()
        sounds = ({"audio_tokens": one} if one else {} for one in self.audio)
        return {
            "input_tokens": self.given,
            "input_tokens_details": {**given, **next(sounds)},
            "output_tokens": self.made,
            "output_tokens_details": {**made, **next(sounds)},
            "total_tokens": self.total,
        }

    def _details(self) -> tuple[dict[str, int], dict[str, int]]:
        given = {"cached_tokens": self.cached}
        made = {"reasoning_tokens": self.thoughts}
        if self.written:
            given["cache_write_tokens"] = self.written
        if self.images[0]:
            given["image_tokens"] = self.images[0]
        if self.images[1]:
            made["image_tokens"] = self.images[1]
        return given, made


def gemini_counts(usage: Any) -> Counts | None:
    """``None`` where Gemini says nothing: that is not known, and not nothing."""
    if not isinstance(usage, dict) or not usage:
        return None
    given = count_in(usage, "promptTokenCount")
    if "toolUsePromptTokenCount" in usage:
        given += count_in(usage, "toolUsePromptTokenCount")
    spoken = count_in(usage, "candidatesTokenCount")
    thoughts = count_in(usage, "thoughtsTokenCount")
    total = count_in(usage, "totalTokenCount")
    # in some answers the candidates' tokens have the thoughts in them already
    made = spoken if thoughts and given + spoken == total else spoken + thoughts
    counts = Counts(
        given, made, total or given + made, thoughts, count_in(usage, "cachedContentTokenCount")
    )
    prompt = _modalities(usage.get("promptTokensDetails"))
    candidates = _modalities(usage.get("candidatesTokensDetails"))
    if prompt or candidates:
        sounds, images = _not_cached(prompt, counts, usage.get("cacheTokensDetails"))
        counts.audio = sounds, candidates.get("AUDIO", 0)
        counts.images = images, candidates.get("IMAGE", 0)
    return counts


def _not_cached(prompt: Mapping[str, int], counts: Counts, details: Any) -> tuple[int, int]:
    """Of the prompt's tokens of sounds and images, those that were not in the cache."""
    sounds, images = prompt.get("AUDIO", 0), prompt.get("IMAGE", 0)
    if isinstance(details, list) and details:
        cached = _modalities(details)
        return max(0, sounds - cached.get("AUDIO", 0)), max(0, images - cached.get("IMAGE", 0))
    # what was cached is not told, but it was no more than the whole leaves room for
    room = max(0, counts.given - counts.cached)
    sounds = min(sounds, room)
    return sounds, min(images, room - sounds)


def claude_counts(usage: Any) -> Counts | None:
    """Claude counts what was read from a cache, and written to it, beside the rest."""
    if not isinstance(usage, dict) or not usage:
        return None
    cached = count_in(usage, "cache_read_input_tokens")
    written = count_in(usage, "cache_creation_input_tokens")
    given = count_in(usage, "input_tokens") + cached + written
    made = count_in(usage, "output_tokens")
    counts = Counts(given, made, given + made, 0, cached)
    counts.written = written
    return counts


def count_in(usage: Usage, name: str) -> int:
    """A count, which may be written as a text; 0 for what is none."""
    value = usage.get(name)
    if type(value) is int:
        return max(value, 0)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return int(value) if isinstance(value, float) and 0 <= value < 2**53 else 0


def _modalities(details: Any) -> dict[str, int]:
    """Tokens of all but texts, which most are."""
    found: dict[str, int] = {}
    for one in details if isinstance(details, list) else ():
        kind = one.get("modality") if isinstance(one, dict) else None
        if isinstance(kind, str) and kind != "TEXT":
            found[kind] = found.get(kind, 0) + count_in(one, "tokenCount")
    return found
