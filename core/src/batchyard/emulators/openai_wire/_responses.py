from __future__ import annotations

import base64
from typing import Any

from batchyard.emulators.openai_wire._prompts import (
    chat_text,
    chat_tokens,
    count_tokens,
    last_user_text,
)
from batchyard.emulators.openai_wire._rows import Answer, Row, Usage
from batchyard.emulators.openai_wire._speech import (
    Turn,
    chosen_tool,
    reasoning_tokens,
    speak,
    tool_arguments,
)


def answer_response(row: Row) -> Answer:
    body = row.body
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    prompt = "\n".join(filter(None, (body.get("instructions"), chat_text(items))))
    input_tokens = chat_tokens(items, prompt) + count_tokens(str(body.get("tools") or ""))
    row.check_context(input_tokens, "input")
    limit = body.get("max_output_tokens")
    reasoning = reasoning_tokens(row, (body.get("reasoning") or {}).get("effort"), limit)
    turn = Turn(
        prompt=prompt,
        subject=last_user_text(items),
        format=(body.get("text") or {}).get("format"),
        max_tokens=None if limit is None else limit - reasoning,
    )
    output = [_reasoning_item(row)] if reasoning else []
    spoken, is_cut = _speak_into(output, row, turn, items[-1])
    usage = Usage(input_tokens, spoken + reasoning, row.cache.cached_tokens(prompt), reasoning)
    return Answer(_document(row, output, usage, is_cut=is_cut), usage)


def _speak_into(
    output: list[dict[str, Any]], row: Row, turn: Turn, last: dict[str, Any]
) -> tuple[int, bool]:
    """Add the model's own items; the tokens they cost, and whether they were cut short."""
    tool = chosen_tool(row) if last.get("role") == "user" else None
    if tool is not None:
        arguments = tool_arguments(row, tool, turn)
        output.append(
            {
                "id": f"fc_{row.hex(50)}",
                "type": "function_call",
                "status": "completed",
                "arguments": arguments,
                "call_id": f"call_{row.hex(24)}",
                "name": tool["name"],
            }
        )
        return count_tokens(arguments) + count_tokens(tool["name"]), False
    speech = speak(row, turn)
    if speech.text or not speech.is_cut:
        text = {
            "type": "output_text",
            "annotations": [],
            "logprobs": [],
            "text": speech.text,
        }
        output.append(
            {
                "id": f"msg_{row.hex(50)}",
                "type": "message",
                "status": "incomplete" if speech.is_cut else "completed",
                "content": [text],
                "role": "assistant",
            }
        )
    return speech.tokens, speech.is_cut


def _reasoning_item(row: Row) -> dict[str, Any]:
    item: dict[str, Any] = {"id": f"rs_{row.hex(50)}", "type": "reasoning", "content": []}
    if "reasoning.encrypted_content" in (row.body.get("include") or ()):
        sealed = base64.urlsafe_b64encode(row.rng.randbytes(300)).decode()
        item["encrypted_content"] = f"gAAAAA{sealed}"
    return item | {"summary": []}


def _document(
    row: Row, output: list[dict[str, Any]], usage: Usage, *, is_cut: bool
) -> dict[str, Any]:
    body = row.body
    store = body.get("store")
    text = {"format": {"type": "text"}, "verbosity": "medium"} | (body.get("text") or {})
    return {
        "id": f"resp_{row.hex(50)}",
        "object": "response",
        "created_at": row.at,
        "status": "incomplete" if is_cut else "completed",
        "background": False,
        "billing": {"payer": "developer"},
        "completed_at": None if is_cut else row.at,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": row.model.snapshot,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "presence_penalty": 0.0,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": _reasoning(row),
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default",
        "store": True if store is None else store,
        "temperature": body.get("temperature", 1.0),
        "text": text,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "top_logprobs": body.get("top_logprobs", 0),
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": _usage(usage),
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _reasoning(row: Row) -> dict[str, Any]:
    asked = row.body.get("reasoning") or {}
    effort = asked.get("effort") or ("medium" if row.model.reasons else None)
    return {"effort": effort, "summary": asked.get("summary")}


def _usage(usage: Usage) -> dict[str, Any]:
    document = usage.document()
    document["input_tokens_details"] |= {"cache_write_tokens": 0}
    return document
