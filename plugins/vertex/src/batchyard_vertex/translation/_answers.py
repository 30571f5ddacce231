"""Gemini's answers as chat completions (Vertex AI API, GenerateContentResponse)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["block_reason", "chat_completion"]

Answer = Mapping[str, Any]

_LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
_FILTERED = frozenset(
    {
        "BLOCKLIST",
        "IMAGE_OTHER",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_SAFETY",
        "LANGUAGE",
        "MODEL_ARMOR",
        "NO_IMAGE",
        "OTHER",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SAFETY",
        "SPII",
    }
)


def block_reason(answer: Answer) -> str | None:
    """Why the prompt was not answered at all."""
    feedback = answer.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    return reason if isinstance(reason, str) and reason else None


def chat_completion(answer: Answer, row: str, processed: Any) -> dict[str, Any]:
    """The body that OpenAI would have answered with.  *row* makes ids where Gemini gives none."""
    identity = _text(answer.get("responseId"))
    model = _text(answer.get("modelVersion")).partition("@")[0]
    candidates = _mappings(answer.get("candidates"))
    return {
        "id": identity or f"chatcmpl-{row}",
        "object": "chat.completion",
        "created": _unix(answer.get("createTime")) or _unix(processed) or 0,
        "model": model,
        "choices": [_choice(one, number, row) for number, one in enumerate(candidates)],
        "usage": _usage(answer.get("usageMetadata")),
    }


def _choice(candidate: Answer, position: int, row: str) -> dict[str, Any]:
    content = candidate.get("content")
    parts = _mappings(content.get("parts")) if isinstance(content, Mapping) else []
    index = candidate.get("index")
    number = index if isinstance(index, int) and not isinstance(index, bool) else position
    calls = [
        _call(part["functionCall"], f"call_{row}_{number}_{place}")
        for place, part in enumerate(parts)
        if isinstance(part.get("functionCall"), Mapping)
    ]
    spoken, thought = (
        "".join(
            _text(part.get("text")) for part in parts if (part.get("thought") is True) is secret
        )
        for secret in (False, True)
    )
    message: dict[str, Any] = {
        "role": "assistant",
        "content": spoken or (None if calls else ""),
        "refusal": None,
    }
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return {
        "index": number,
        "message": message,
        "logprobs": _logprobs(candidate.get("logprobsResult")),
        "finish_reason": "tool_calls" if calls else _reason(candidate.get("finishReason")),
    }


def _call(call: Answer, identity: str) -> dict[str, Any]:
    arguments = call.get("args")
    function = {
        "name": _text(call.get("name")),
        "arguments": json.dumps(arguments if isinstance(arguments, Mapping) else {}),
    }
    return {"id": _text(call.get("id")) or identity, "type": "function", "function": function}


def _reason(finish: Any) -> str:
    if finish in _LENGTH:
        return "length"
    return "content_filter" if finish in _FILTERED else "stop"


def _logprobs(result: Any) -> dict[str, Any] | None:
    if not isinstance(result, Mapping):
        return None
    tops = _mappings(result.get("topCandidates"))
    content = []
    for place, chosen in enumerate(_mappings(result.get("chosenCandidates"))):
        others = _mappings(tops[place].get("candidates")) if place < len(tops) else []
        content.append(_token(chosen) | {"top_logprobs": [_token(one) for one in others]})
    return {"content": content, "refusal": None}


def _token(candidate: Answer) -> dict[str, Any]:
    token, probability = _text(candidate.get("token")), candidate.get("logProbability")
    number = probability if isinstance(probability, int | float) else 0.0
    # half a surrogate pair has no bytes, and is no reason to lose the line
    data = token.encode(errors="replace")
    return {"token": token, "logprob": number, "bytes": list(data)}


def _usage(usage: Any) -> dict[str, Any] | None:
    """``None`` where Gemini says nothing: that is not known, and not nothing."""
    if not isinstance(usage, Mapping) or not usage:
        return None
    given = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
    spoken, thoughts = _count(usage, "candidatesTokenCount"), _count(usage, "thoughtsTokenCount")
    total = _count(usage, "totalTokenCount")
    # in some answers the candidates' tokens have the thoughts in them already
    made = spoken if thoughts and given + spoken == total else spoken + thoughts
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": total or given + made,
        "prompt_tokens_details": {
            "cached_tokens": _count(usage, "cachedContentTokenCount"),
            "audio_tokens": _of_modality(usage.get("promptTokensDetails"), "AUDIO"),
        },
        "completion_tokens_details": {
            "reasoning_tokens": thoughts,
            "audio_tokens": _of_modality(usage.get("candidatesTokensDetails"), "AUDIO"),
        },
    }


def _of_modality(details: Any, modality: str) -> int:
    return sum(
        _count(one, "tokenCount") for one in _mappings(details) if one.get("modality") == modality
    )


def _count(usage: Answer, name: str) -> int:
    value = usage.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and value > 0 else 0


def _unix(time: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(time).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mappings(value: Any) -> list[Answer]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
