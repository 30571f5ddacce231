"""Batch files for tests."""

from __future__ import annotations

import json
from typing import Any


def chat_lines(count: int, *, prefix: str = "r", **body: Any) -> bytes:
    """A file of chat completions; *body* goes into each."""
    lines = (
        {
            "custom_id": f"{prefix}-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-4.1-mini",
                "messages": [{"role": "user", "content": f"Say hello {number} times."}],
                **body,
            },
        }
        for number in range(count)
    )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
