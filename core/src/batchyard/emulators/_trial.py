from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Trial:
    """What a provider is tried with, over its emulator or at the real service.

    A good line's body is `body` with `model`; a bad one's has `bad` besides, which the service
    answers with an error of that line alone. `create` is the request that makes a batch, as faults
    are addressed: method and path, `*` for a part of it. With the constructor's options `expiry`
    every batch of the emulator expires, `window` seconds after it was created.
    """

    model: str
    bad: Mapping[str, Any]
    create: str
    endpoint: str = "/v1/chat/completions"
    body: Mapping[str, Any] = field(
        default_factory=lambda: {
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 16,
        }
    )
    expiry: Mapping[str, Any] | None = None
    window: float = 86_400.0
