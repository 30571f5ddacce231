"""Lines of OpenAI's own shape, which services that speak its protocol pass on as they are."""

from __future__ import annotations

from typing import Any

from batchyard.models import Usage
from batchyard.testing import Golden

__all__ = ["STATUSES", "openai_goldens"]

CHAT = "/v1/chat/completions"

STATUSES = {
    one: one
    for one in (
        "validating",
        "in_progress",
        "finalizing",
        "completed",
        "failed",
        "expired",
        "cancelling",
        "cancelled",
    )
}


def openai_goldens(
    model: str, sent: str | None = None, through: str = "results", url: str = CHAT
) -> tuple[Golden, ...]:
    """A line that is answered and one that is not, whose model and url change on the way."""
    return (
        Golden(
            "answered",
            _line(model),
            _line(sent or model, url),
            _answer(200, _completion(model)),
            _answer(200, _completion(model)),
            Usage(20, 7, cached_tokens=16, reasoning_tokens=3),
            through=through,
        ),
        Golden(
            "refused",
            _line(model),
            _line(sent or model, url),
            _answer(429, {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}),
            _answer(429, {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}),
            outcome="error",
            through=through,
        ),
    )


def _line(model: str, url: str = CHAT) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "Größe?"}]}
    return {"custom_id": "größe ✓", "method": "POST", "url": url, "body": body}


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "r1", "body": body}
    return {"id": "b1", "custom_id": "größe ✓", "response": response, "error": None}


def _completion(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Größe."}
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "total_tokens": 27,
            "prompt_tokens_details": {"cached_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }
