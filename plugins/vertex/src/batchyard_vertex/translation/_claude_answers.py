"""Claude's messages as chat completions (Anthropic API, Message)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._answers import About, created_at, json_text, mappings, text_in
from batchyard_vertex.translation._usage import claude_counts

__all__ = ["claude_completion"]

_REASONS = {"max_tokens": "length", "refusal": "content_filter", "tool_use": "tool_calls"}


def claude_completion(message: Mapping[str, Any], about: About) -> dict[str, Any]:
    texts, thoughts, calls = [], [], []
    for block in mappings(message.get("content")):
        kind = block.get("type")
        if kind == "text":
            texts.append(text_in(block, "text"))
        elif kind == "thinking":
            thoughts.append(text_in(block, "thinking"))
        elif kind == "tool_use":
            function = {
                "name": text_in(block, "name"),
                "arguments": json_text(block.get("input") or {}),
            }
            calls.append({"id": text_in(block, "id"), "type": "function", "function": function})
    said: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) or (None if calls else ""),
        "refusal": None,
    }
    if thoughts:
        said["reasoning_content"] = "".join(thoughts)
    if calls:
        said["tool_calls"] = calls
    counts = claude_counts(message.get("usage"))
    reason = _REASONS.get(text_in(message, "stop_reason"), "stop")
    return {
        "id": text_in(message, "id") or f"chatcmpl-{about.row}",
        "object": "chat.completion",
        "created": created_at({}, about),
        "model": text_in(message, "model") or about.model,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": reason}],
        "usage": counts and counts.of_chat(),
    }
