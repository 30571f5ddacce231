"""Claude's messages as chat completions (API reference, Message)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["completion_of"]

REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}
"""Every other reason is a stop."""

THOUGHTS = frozenset({"thinking", "redacted_thinking"})


def completion_of(message: Mapping[str, Any], created: int) -> dict[str, Any]:
    """The completion; *created* is its time, of which messages say nothing."""
    reason = message.get("stop_reason")
    return {
        "id": message.get("id"),
        "object": "chat.completion",
        "created": created,
        "model": message.get("model"),
        "choices": [
            {
                "index": 0,
                "message": _said(message),
                "logprobs": None,
                "finish_reason": REASONS.get(reason, "stop") if isinstance(reason, str) else "stop",
            }
        ],
        "usage": _usage(message.get("usage")),
    }


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    blocks = list(_blocks(message))
    texts = [_text(one, "text") for one in blocks if one.get("type") == "text"]
    calls = [_call(one) for one in blocks if one.get("type") == "tool_use"]
    thoughts = [one for one in blocks if one.get("type") in THOUGHTS]
    said: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) or (None if calls else ""),
        "refusal": _refusal(message),
    }
    if thoughts:
        # signed, to be given back in a later request
        said["thinking_blocks"] = thoughts
        said["reasoning_content"] = "".join(_text(one, "thinking") for one in thoughts)
    if calls:
        said["tool_calls"] = calls
    if any(_has_more(one) for one in blocks):
        # what Claude's own tools did, and citations, have no place in a completion
        said["provider_specific_fields"] = {"content": blocks}
    return said


def _has_more(block: Mapping[str, Any]) -> bool:
    known = {"text", "tool_use", *THOUGHTS}
    return block.get("type") not in known or bool(block.get("citations"))


def _blocks(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    for one in content if isinstance(content, list) else ():
        if isinstance(one, Mapping):
            yield one


def _text(block: Mapping[str, Any], name: str) -> str:
    found = block.get(name)
    return found if isinstance(found, str) else ""


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(block.get("input") or {}, ensure_ascii=False, separators=(",", ":"))
    function = {"name": _text(block, "name"), "arguments": arguments}
    return {"id": _text(block, "id"), "type": "function", "function": function}


def _refusal(message: Mapping[str, Any]) -> str | None:
    if message.get("stop_reason") != "refusal":
        return None
    details = message.get("stop_details")
    said = details.get("explanation") if isinstance(details, Mapping) else None
    return said if isinstance(said, str) and said else "Claude refused to answer."


def _usage(usage: Any) -> dict[str, Any] | None:
    """OpenAI's counts, where what was cached is a part of the prompt, and Claude's own beside."""
    if not isinstance(usage, Mapping):
        return None
    given, made = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    read = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    if None in (given, made, read, written):
        return None
    prompt = (given or 0) + (read or 0) + (written or 0)
    details = usage.get("output_tokens_details")
    thought = _count(details, "thinking_tokens") if isinstance(details, Mapping) else 0
    own = {name: usage[name] for name in OWN_COUNTS if usage.get(name) is not None}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + (made or 0),
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thought or 0},
        **own,
    }


OWN_COUNTS = ("cache_creation", "server_tool_use", "service_tier", "inference_geo", "speed")
"""What a price may depend on besides."""


REQUIRED = frozenset({"input_tokens", "output_tokens"})


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    """``None`` for what is no count, and where there is none that has to be."""
    value = usage.get(name)
    if value is None:
        return None if name in REQUIRED else 0
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value >= 0 else None
