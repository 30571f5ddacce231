from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

_BLOCK_CHARS = 512
_BLOCK_TOKENS = 128
_MIN_CACHED = 1024
_IMAGE_TOKENS = 85


def count_tokens(text: str) -> int:
    """About four characters a token, which is what English comes to."""
    return (len(text) + 3) // 4


def chat_text(messages: list[Any]) -> str:
    """All that a conversation says, in order, roles left out."""
    return "\n".join(_message_texts(messages))


def chat_tokens(messages: list[Any], text: str) -> int:
    """Every message costs its text, its images and a small frame."""
    images = sum(
        1
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict) and "image" in str(part.get("type"))
    )
    return count_tokens(text) + 4 * len(messages) + 3 + _IMAGE_TOKENS * images


def last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role", "user") == "user":
            return "\n".join(_content_texts(message.get("content")))
    return ""


def _message_texts(messages: list[Any]) -> Iterator[str]:
    for message in messages:
        yield from _content_texts(message.get("content"))
        for call in message.get("tool_calls") or ():
            yield str(call.get("function", {}).get("arguments", ""))


def _content_texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


class PrefixCache:
    """Finds how much of a prompt an earlier one began with.

    The service caches prefixes of at least 1024 tokens, in steps of 128 (OpenAI guide, Prompt
    caching). Holds hashes of blocks, a bounded number of them.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._seen: set[bytes] = set()

    def cached_tokens(self, text: str) -> int:
        """Tokens of `text` that were already seen; remembers the rest."""
        if count_tokens(text) < _MIN_CACHED:
            return 0
        digest = hashlib.blake2b(digest_size=8)
        hits = 0
        for start in range(0, len(text) - _BLOCK_CHARS + 1, _BLOCK_CHARS):
            digest.update(text[start : start + _BLOCK_CHARS].encode("utf-8", "surrogatepass"))
            key = digest.digest()  # of all blocks so far
            hits += key in self._seen
            if len(self._seen) < self._limit:
                self._seen.add(key)
        tokens = hits * _BLOCK_TOKENS
        return tokens if tokens >= _MIN_CACHED else 0
