"""Lines to Anthropic and back, word for word."""

from __future__ import annotations

from typing import Any

from batchyard.models import Usage
from batchyard.testing import Golden

__all__ = ["CHAT", "ENDED", "GOLDENS", "LINE", "MESSAGES", "REQUEST", "ROW", "chat", "completed"]

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
MODEL = "claude-haiku-4-5"
ENDED = 1_787_150_817
"""2026-08-19T14:46:57Z, as the recorded batch says."""


def chat(**body: Any) -> dict[str, Any]:
    """A line of OpenAI's."""
    asked = {"messages": [{"role": "user", "content": "What is 2 + 2?"}], "max_tokens": 64}
    whole = {"model": MODEL, **asked, **body}
    return {"custom_id": "a", "method": "POST", "url": CHAT, "body": whole}


def sent(custom_id: str = "a", **params: Any) -> dict[str, Any]:
    """A request of a message batch."""
    asked = {"messages": [{"role": "user", "content": "What is 2 + 2?"}], "max_tokens": 64}
    return {"custom_id": custom_id, "params": {"model": MODEL, **asked, **params}}


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message, as it was recorded on 2026-08-19."""
    usage = {
        "input_tokens": 20,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 5,
        "service_tier": "batch",
        "inference_geo": "not_available",
    }
    return {
        "model": "claude-haiku-4-5-20251001",
        "id": "msg_011CeCHfDwjZ4FNno3HRAaz6",
        "type": "message",
        "role": "assistant",
        "content": list(content) or [{"type": "text", "text": "4"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        **fields,
        "usage": usage | fields.get("usage", {}),
    }


def row(custom_id: str = "a", **result: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "result": {"type": "succeeded", **result}}


def completed(
    custom_id: str = "a", finish: str = "stop", usage: dict[str, Any] | None = None, **said: Any
) -> dict[str, Any]:
    """The result line with the completion that a message comes out as."""
    own = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "batch",
        "inference_geo": "not_available",
    }
    answer = {"role": "assistant", "content": "4", "refusal": None, **said}
    body = {
        "id": "msg_011CeCHfDwjZ4FNno3HRAaz6",
        "object": "chat.completion",
        "created": ENDED,
        "model": "claude-haiku-4-5-20251001",
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": finish}],
        "usage": own | (usage or {}),
    }
    return _answered(custom_id, 200, body, None)


def failed(status: int, kind: str, text: str, request_id: str | None = None) -> dict[str, Any]:
    error = {"message": text, "type": kind, "param": None, "code": kind}
    return _answered("a", status, {"error": error}, request_id)


def _answered(
    custom_id: str, status: int, body: dict[str, Any], request_id: str | None
) -> dict[str, Any]:
    response = {"status_code": status, "request_id": request_id, "body": body}
    return {"id": None, "custom_id": custom_id, "response": response, "error": None}


def never_run(code: str, text: str) -> dict[str, Any]:
    error = {"code": code, "message": text}
    return {"id": None, "custom_id": "a", "response": None, "error": error}


LINE = chat()
REQUEST = sent()
ROW = row(message=message())

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgo="
ODD = 'größe "✓" 例'

THOUGHTS = [{"type": "thinking", "thinking": "Two and two.", "signature": "EqQB=="}]

GOLDENS = (
    Golden("answered", LINE, REQUEST, ROW, completed(), Usage(20, 5)),
    Golden(
        "cached-beside",
        chat(
            messages=[
                {"role": "system", "content": "Be terse."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
                    ],
                },
            ]
        ),
        sent(
            system="Be terse.",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
                    ],
                }
            ],
        ),
        row(
            message=message(
                usage={"cache_creation_input_tokens": 100, "cache_read_input_tokens": 400}
            )
        ),
        completed(
            usage={
                "prompt_tokens": 520,
                "total_tokens": 525,
                "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 100},
            }
        ),
        Usage(520, 5, cached_tokens=400, cache_write_tokens=100),
    ),
    Golden(
        "tools",
        chat(
            messages=[
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
                {"role": "user", "content": "And in Oslo?"},
            ],
            tools=[
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "Of a city.",
                        "parameters": WEATHER,
                        "strict": True,
                    },
                }
            ],
            tool_choice="required",
            parallel_tool_calls=False,
            stop="END",
            temperature=1.5,
            user="u-1",
        ),
        sent(
            messages=[
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "call_1",
                            "name": "weather",
                            "input": {"city": "Rome"},
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "call_1", "content": "Sunny."},
                        {"type": "text", "text": "And in Oslo?"},
                    ],
                },
            ],
            tools=[
                {
                    "name": "weather",
                    "input_schema": WEATHER,
                    "description": "Of a city.",
                    "strict": True,
                }
            ],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            stop_sequences=["END"],
            temperature=1,
            metadata={"user_id": "u-1"},
        ),
        row(
            message=message(
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
                stop_reason="tool_use",
            )
        ),
        completed(
            finish="tool_calls",
            content="Let me see.",
            tool_calls=[
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                }
            ],
        ),
        Usage(20, 5),
    ),
    Golden(
        "images-and-files",
        chat(
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PIXEL}"},
                        },
                        {"type": "image_url", "image_url": {"url": "https://x.example/a.jpg"}},
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,JVBERi0=",
                            },
                        },
                        {"type": "text", "text": "What are they?"},
                    ],
                }
            ]
        ),
        sent(
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                        },
                        {
                            "type": "image",
                            "source": {"type": "url", "url": "https://x.example/a.jpg"},
                        },
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "JVBERi0=",
                            },
                            "title": "a.pdf",
                        },
                        {"type": "text", "text": "What are they?"},
                    ],
                }
            ]
        ),
        row(message=message(stop_reason="max_tokens")),
        completed(finish="length"),
        Usage(20, 5),
    ),
    Golden(
        "thinking-by-effort",
        chat(model="claude-sonnet-5", reasoning_effort="high"),
        sent(
            model="claude-sonnet-5",
            thinking={"type": "adaptive"},
            output_config={"effort": "high"},
        ),
        row(
            message=message(
                *THOUGHTS,
                {"type": "text", "text": "4"},
                usage={"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
            )
        ),
        completed(
            thinking_blocks=THOUGHTS,
            reasoning_content="Two and two.",
            usage={
                "completion_tokens": 9,
                "total_tokens": 29,
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
        ),
        Usage(20, 9, reasoning_tokens=4),
    ),
    Golden(
        "thinking-by-budget-and-schema",
        chat(
            max_completion_tokens=3000,
            max_tokens=None,
            reasoning_effort="medium",
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "weather", "schema": WEATHER, "strict": True},
            },
        ),
        sent(
            max_tokens=3000,
            thinking={"type": "enabled", "budget_tokens": 2999},
            output_config={"format": {"type": "json_schema", "schema": WEATHER}},
        ),
        row(message=message({"type": "text", "text": '{"city":"Rome"}'})),
        completed(content='{"city":"Rome"}'),
        Usage(20, 5),
    ),
    Golden(
        "odd-id",
        {**LINE, "custom_id": ODD},
        sent("b64_Z3LDtsOfZSAi4pyTIiDkvos"),
        row("b64_Z3LDtsOfZSAi4pyTIiDkvos", message=message()),
        completed(ODD),
        Usage(20, 5),
    ),
    Golden(
        "refused-answer",
        LINE,
        REQUEST,
        row(
            message=message(
                {"type": "text", "text": ""},
                stop_reason="refusal",
                stop_details={"type": "refusal", "category": None, "explanation": "No."},
            )
        ),
        completed(finish="content_filter", content="", refusal="No."),
        Usage(20, 5),
    ),
    Golden(
        "native",
        {**LINE, "url": MESSAGES, "body": REQUEST["params"]},
        REQUEST,
        ROW,
        _answered("a", 200, message(), None),
        Usage(20, 5),
        through="messages",
    ),
    Golden(
        "native-cached",
        {**LINE, "url": MESSAGES, "body": REQUEST["params"]},
        REQUEST,
        row(message=message(usage={"cache_read_input_tokens": 400})),
        _answered("a", 200, message(usage={"cache_read_input_tokens": 400}), None),
        Usage(420, 5, cached_tokens=400),
        through="messages",
    ),
    Golden(
        "error",
        LINE,
        REQUEST,
        {
            "custom_id": "a",
            "result": {
                "type": "errored",
                "error": {
                    "type": "error",
                    "error": {"type": "invalid_request_error", "message": "max_tokens: too many"},
                    "request_id": "req_1",
                },
            },
        },
        failed(400, "invalid_request_error", "max_tokens: too many", "req_1"),
        outcome="error",
    ),
    Golden(
        "expired",
        LINE,
        REQUEST,
        {"custom_id": "a", "result": {"type": "expired"}},
        never_run(
            "batch_expired",
            "This request could not be executed before the completion window expired.",
        ),
        outcome="expired",
    ),
    Golden(
        "canceled",
        LINE,
        REQUEST,
        {"custom_id": "a", "result": {"type": "canceled"}},
        never_run(
            "batch_cancelled", "This request was not executed because the batch was cancelled."
        ),
        outcome="cancelled",
    ),
    Golden(
        "a-result-of-tomorrow",
        LINE,
        REQUEST,
        {"custom_id": "a", "result": {"type": "postponed"}},
        failed(500, "api_error", "a result of type 'postponed'"),
        outcome="error",
    ),
)
