"""Answers of models that are not Google's."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from batchyard.emulators.openai_wire._prompts import chat_text, count_tokens, last_user_text
from batchyard.emulators.openai_wire._prose import compose
from batchyard_vertex.emulator._gemini import FLAG, bad_request

__all__ = ["claude_message", "open_completion"]

_VERSION = "vertex-2023-10-16"


def claude_message(request: Mapping[str, Any], model: str, rng: random.Random) -> dict[str, Any]:
    """A message of Anthropic's."""
    if request.get("anthropic_version") != _VERSION:
        raise bad_request(f"anthropic_version: the value must be {_VERSION!r}")
    most, messages = request.get("max_tokens"), request.get("messages")
    if not isinstance(most, int) or most < 1:
        raise bad_request("max_tokens: Field required")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages: at least one message is required")
    if any(one.get("role") not in {"user", "assistant"} for one in messages):
        raise bad_request("messages: unexpected role. Allowed are user and assistant.")
    system = request.get("system")
    prompt = "\n".join(filter(None, (system if isinstance(system, str) else "", _said(messages))))
    text = compose(prompt, last_user_text(messages) or prompt, rng)
    stop = "refusal" if FLAG in prompt else "end_turn"
    if count_tokens(text) > most:
        text, stop = text[: most * 4], "max_tokens"
    return {
        "id": f"msg_vrtx_{rng.getrandbits(96):024x}",
        "type": "message",
        "role": "assistant",
        "model": model.partition("@")[0],
        "content": [] if stop == "refusal" else [{"type": "text", "text": text}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": count_tokens(prompt) + 4,
            "output_tokens": 0 if stop == "refusal" else count_tokens(text),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _said(messages: list[Any]) -> str:
    return chat_text(messages)


def open_completion(body: Mapping[str, Any], model: str, rng: random.Random) -> dict[str, Any]:
    """A chat completion, of a model that speaks OpenAI's language."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages: Field required")
    prompt = chat_text(messages)
    text = compose(prompt, last_user_text(messages) or prompt, rng)
    given, spoken = count_tokens(prompt) + 4, count_tokens(text)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    return {
        "id": f"chatcmpl-{rng.getrandbits(96):024x}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{**choice, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": given,
            "completion_tokens": spoken,
            "total_tokens": given + spoken,
        },
    }
