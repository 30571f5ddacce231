"""What Claude says: nothing to the point, and always the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from batchyard_anthropic.emulator._errors import RefusedError, document
from batchyard_anthropic.emulator._params import check_params

__all__ = ["result_of"]

THOUGHT = "They want to know something."
CACHED_FROM = 4
"""Words in a prompt from which on what is marked is cached."""


def result_of(custom_id: str, params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The row of one request: of all that is wrong with it, the batch says nothing before."""
    try:
        check_params(params)
    except RefusedError as refused:
        request_id = f"req_{_digest(custom_id, seed)}"
        error = document(refused.status, refused.message, request_id)
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
    message = _message(params, _digest(f"{custom_id}{json.dumps(params, sort_keys=True)}", seed))
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


def _digest(text: str, seed: int) -> str:
    return f"011{hashlib.sha256(f'{seed}:{text}'.encode('utf-8', 'replace')).hexdigest()[:21]}"


def _message(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    words = list(_words(params))
    content, reason = _said(params, words)
    thoughts = len(THOUGHT.split()) if _thinks(params) else 0
    out = max(1, sum(len(str(one.get("text") or one.get("input"))) for one in content) // 4)
    if out > params["max_tokens"] and reason == "end_turn":
        reason, out = "max_tokens", params["max_tokens"]
        content[-1]["text"] = content[-1]["text"][: out * 4]
    return {
        "model": f"{params['model']}-20251001"
        if params["model"][-1] not in "01"
        else params["model"],
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "content": ([_thought(name)] if thoughts else []) + content,
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": _details(reason),
        "usage": _usage(params, len(words), out + thoughts, thoughts),
    }


def _words(params: Mapping[str, Any]) -> Iterator[str]:
    for content in (params.get("system", ""), *(one["content"] for one in params["messages"])):
        blocks = [{"text": content}] if isinstance(content, str) else content
        for block in blocks:
            yield from str(block.get("text") or block.get("content") or "").split()


def _said(params: Mapping[str, Any], words: list[str]) -> tuple[list[dict[str, Any]], str]:
    if "[[refuse]]" in words:
        return [], "refusal"
    tool = _tool(params, words)
    if tool is not None:
        given = _instance(tool.get("input_schema", {}))
        call = {"type": "tool_use", "id": "toolu_01", "name": tool["name"], "input": given}
        return [call], "tool_use"
    schema = params.get("output_config", {}).get("format", {}).get("schema")
    if schema is not None:
        return [{"type": "text", "text": json.dumps(_instance(schema))}], "end_turn"
    return [{"type": "text", "text": f"You said: {' '.join(words[-8:])}"}], "end_turn"


def _tool(params: Mapping[str, Any], words: list[str]) -> Mapping[str, Any] | None:
    choice, tools = params.get("tool_choice", {"type": "auto"}), params.get("tools") or []
    wanted = [one for one in tools if choice["type"] != "tool" or one["name"] == choice["name"]]
    forced = choice["type"] in {"any", "tool"}
    asked = choice["type"] == "auto" and "[[tool]]" in words
    return wanted[0] if wanted and (forced or asked) else None


def _instance(schema: Mapping[str, Any]) -> Any:
    """The least that fits a schema of the plain kinds."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        made = schema.get("properties", {})
        return {name: _instance(one) for name, one in made.items()}
    plain = {"string": "text", "integer": 7, "number": 0.5, "boolean": True, "array": []}
    return plain.get(kind)


def _thinks(params: Mapping[str, Any]) -> bool:
    return params.get("thinking", {}).get("type") in {"enabled", "adaptive"}


def _thought(name: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": THOUGHT, "signature": f"sig{name}=="}


def _details(reason: str) -> dict[str, Any] | None:
    if reason != "refusal":
        return None
    return {"type": "refusal", "category": None, "explanation": "This may not be answered."}


def _usage(params: Mapping[str, Any], given: int, made: int, thoughts: int) -> dict[str, Any]:
    """Counts as the service has them: what is cached is no part of ``input_tokens``."""
    marked = "cache_control" in json.dumps([params.get("system"), params["messages"]])
    cached = given - CACHED_FROM if marked and given > CACHED_FROM else 0
    read, written = cached // 2, cached - cached // 2
    details = {"output_tokens_details": {"thinking_tokens": thoughts}} if thoughts else {}
    return {
        "input_tokens": given - cached + 3,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": made,
        **details,
        "service_tier": "batch",
        "inference_geo": params.get("inference_geo") or "not_available",
    }
