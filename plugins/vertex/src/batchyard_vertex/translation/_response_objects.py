"""Gemini's answers as OpenAI's responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._answers import (
    About,
    Spoken,
    blocked_in,
    created_at,
    finish_of,
    logprobs_of,
    mappings,
    model_of,
    spoken_in,
    text_in,
)
from batchyard_vertex.translation._citations import annotations_of
from batchyard_vertex.translation._usage import gemini_counts

__all__ = ["response_object"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_object(answer: Mapping[str, Any], about: About) -> dict[str, Any]:
    """The body that OpenAI would have answered with; what was asked is not repeated in it."""
    candidates = mappings(answer.get("candidates"))
    first = candidates[0] if candidates else {}
    spoken = spoken_in(first, f"call_{about.row}")
    reason = None if spoken.calls else _INCOMPLETE.get(finish_of(first))
    if blocked_in(answer) is not None:
        reason = "content_filter"
    counts = gemini_counts(answer.get("usageMetadata"))
    status = "incomplete" if reason else "completed"
    return {
        "id": text_in(answer, "responseId") or f"resp_{about.row}",
        "object": "response",
        "created_at": created_at(answer, about),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "metadata": {},
        "model": model_of(answer, about),
        "output": _items(first, spoken, about.row, status) if candidates else [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": counts and counts.of_response(),
    }


def _items(
    candidate: Mapping[str, Any], spoken: Spoken, row: str, status: str
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if spoken.thought:
        summary = [{"type": "summary_text", "text": spoken.thought}]
        items.append({"type": "reasoning", "id": f"rs_{row}", "summary": summary})
    if spoken.text or not (spoken.calls or spoken.images):
        logprobs = logprobs_of(candidate.get("logprobsResult"))
        content = {
            "type": "output_text",
            "text": spoken.text,
            "annotations": [
                {"type": "url_citation", **one["url_citation"]}
                for one in annotations_of(candidate, spoken.text)
            ],
            "logprobs": logprobs["content"] if logprobs else [],
        }
        message = {"type": "message", "id": f"msg_{row}", "status": status, "role": "assistant"}
        items.append({**message, "content": [content]})
    items += [
        {
            "type": "image_generation_call",
            "id": f"ig_{row}_{place}",
            "status": "completed",
            "result": url.partition(",")[2],
        }
        for place, url in enumerate(spoken.images)
    ]
    items += [
        {
            "type": "function_call",
            "id": f"fc_{row}_{place}",
            "call_id": call["id"],
            "status": "completed",
            **call["function"],
            **({"extra_content": call["extra_content"]} if "extra_content" in call else {}),
        }
        for place, call in enumerate(spoken.calls)
    ]
    return items
