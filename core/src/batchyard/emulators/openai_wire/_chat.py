from __future__ import annotations

import math
from typing import Any

from batchyard.emulators.openai_wire._prompts import (
    chat_text,
    chat_tokens,
    count_tokens,
    last_user_text,
)
from batchyard.emulators.openai_wire._rows import Answer, Row, Usage
from batchyard.emulators.openai_wire._speech import (
    Speech,
    Turn,
    chosen_tool,
    reasoning_tokens,
    speak,
    tool_arguments,
)


def answer_chat(row: Row) -> Answer:
    body = row.body
    messages = body["messages"]
    prompt = chat_text(messages)
    prompt_tokens = chat_tokens(messages, prompt) + count_tokens(str(body.get("tools") or ""))
    row.check_context(prompt_tokens, "messages")
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    reasoning = reasoning_tokens(row, body.get("reasoning_effort"), limit)
    turn = Turn(
        prompt=prompt,
        subject=last_user_text(messages),
        format=body.get("response_format"),
        max_tokens=None if limit is None else limit - reasoning,
        stop=_stops(body.get("stop")),
    )
    choices, spoken = [], 0
    for index in range(body.get("n") or 1):
        choice, tokens = _choice(row, turn, index)
        choices.append(choice)
        spoken += tokens
    usage = Usage(prompt_tokens, spoken + reasoning, row.cache.cached_tokens(prompt), reasoning)
    return Answer(_completion(row, choices, usage), usage)


def _completion(row: Row, choices: list[dict[str, Any]], usage: Usage) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{row.hex(29)}",
        "object": "chat.completion",
        "created": row.at,
        "model": row.model.snapshot,
        "choices": choices,
        "usage": {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": usage.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": None if row.model.reasons else f"fp_{row.hex(10)}",
    }


def _choice(row: Row, turn: Turn, index: int) -> tuple[dict[str, Any], int]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    is_reply_to_user = row.body["messages"][-1].get("role") == "user"
    tool = chosen_tool(row) if is_reply_to_user else None
    if tool is not None:
        arguments = tool_arguments(row, tool, turn)
        call = {"name": tool["name"], "arguments": arguments}
        message["tool_calls"] = [
            {"id": f"call_{row.hex(24)}", "type": "function", "function": call}
        ]
        speech = Speech("", count_tokens(arguments) + count_tokens(tool["name"]), False)
        reason = "tool_calls"
    else:
        speech = speak(row, turn)
        message["content"] = speech.text
        reason = "length" if speech.is_cut else "stop"
    message["annotations"] = []
    choice = {
        "index": index,
        "message": message,
        "logprobs": _logprobs(row, speech.text) if row.body.get("logprobs") else None,
        "finish_reason": reason,
    }
    return choice, speech.tokens


def answer_completion(row: Row) -> Answer:
    body = row.body
    given = body["prompt"]
    prompts = given if isinstance(given, list) and given and isinstance(given[0], str) else [given]
    texts = [prompt if isinstance(prompt, str) else str(prompt) for prompt in prompts]
    tokens = sum(count_tokens(text) for text in texts)
    limit = body.get("max_tokens") or 16
    row.check_context(tokens + limit, "prompt")
    choices: list[dict[str, Any]] = []
    spoken = 0
    for text in texts:
        for _ in range(body.get("n") or 1):
            speech = speak(row, Turn(text, text, None, limit, _stops(body.get("stop"))))
            spoken += speech.tokens
            choices.append(
                {
                    "text": (text if body.get("echo") else "") + speech.text,
                    "index": len(choices),
                    "logprobs": None,
                    "finish_reason": "length" if speech.is_cut else "stop",
                }
            )
    document = {
        "id": f"cmpl-{row.hex(29)}",
        "object": "text_completion",
        "created": row.at,
        "model": row.model.snapshot,
        "choices": choices,
        "usage": {
            "prompt_tokens": tokens,
            "completion_tokens": spoken,
            "total_tokens": tokens + spoken,
        },
    }
    return Answer(document, Usage(tokens, spoken))


def _stops(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(mark) for mark in value) if isinstance(value, list) else ()


def _logprobs(row: Row, text: str) -> dict[str, Any]:
    pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
    alternatives = row.body.get("top_logprobs") or 0
    content = []
    for piece in pieces:
        likely = math.log(row.rng.uniform(0.5, 0.999))
        tops = [_token(piece, likely)] + [
            _token(chr(97 + (rank * 7 + len(piece)) % 26), likely - rank - 1)
            for rank in range(alternatives - 1)
        ]
        content.append(_token(piece, likely) | {"top_logprobs": tops[:alternatives]})
    return {"content": content, "refusal": None}


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": round(logprob, 6), "bytes": list(text.encode())}
