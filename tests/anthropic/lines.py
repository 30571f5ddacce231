"""Lines to send."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["CHAT", "MODEL", "chat_line", "jsonl"]

CHAT = "/v1/chat/completions"
MODEL = "claude-haiku-4-5"


def chat_line(custom_id: str, text: str = "Say hello.", **body: Any) -> dict[str, Any]:
    asked = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": {**asked, **body}}


def jsonl(*lines: object) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
