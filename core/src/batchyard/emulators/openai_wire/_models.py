from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "embedding", "completion", "moderation", "image", "video"]

ENDPOINT_KINDS: dict[str, Kind] = {
    "/v1/responses": "text",
    "/v1/chat/completions": "text",
    "/v1/embeddings": "embedding",
    "/v1/completions": "completion",
    "/v1/moderations": "moderation",
    "/v1/images/generations": "image",
    "/v1/images/edits": "image",
    "/v1/videos": "video",
}


@dataclass(frozen=True, slots=True)
class Model:
    """What the emulator needs to know of a model. `context` is in tokens."""

    snapshot: str
    kind: Kind = "text"
    context: int = 128_000
    reasons: bool = False
    dimensions: int = 0


_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")


def _reasoning(snapshot: str, context: int = 400_000) -> Model:
    return Model(snapshot, context=context, reasons=True)


_MODELS: dict[str, Model] = {
    "gpt-3.5-turbo": Model("gpt-3.5-turbo-0125", context=16_385),
    "gpt-4": Model("gpt-4-0613", context=8_192),
    "gpt-4-turbo": Model("gpt-4-turbo-2024-04-09"),
    "gpt-4o": Model("gpt-4o-2024-08-06"),
    "gpt-4o-mini": Model("gpt-4o-mini-2024-07-18"),
    "gpt-4.1": Model("gpt-4.1-2025-04-14", context=1_047_576),
    "gpt-4.1-mini": Model("gpt-4.1-mini-2025-04-14", context=1_047_576),
    "gpt-4.1-nano": Model("gpt-4.1-nano-2025-04-14", context=1_047_576),
    "o1": _reasoning("o1-2024-12-17", 200_000),
    "o3": _reasoning("o3-2025-04-16", 200_000),
    "o3-mini": _reasoning("o3-mini-2025-01-31", 200_000),
    "o4-mini": _reasoning("o4-mini-2025-04-16", 200_000),
    "gpt-5": _reasoning("gpt-5-2025-08-07"),
    "gpt-5-mini": _reasoning("gpt-5-mini-2025-08-07"),
    "gpt-5-nano": _reasoning("gpt-5-nano-2025-08-07"),
    "gpt-5.1": _reasoning("gpt-5.1-2025-11-13"),
    "gpt-5.2": _reasoning("gpt-5.2-2025-12-11"),
    "gpt-5.4": _reasoning("gpt-5.4-2026-03-05", 1_050_000),
    "gpt-5.4-mini": _reasoning("gpt-5.4-mini-2026-03-17"),
    "gpt-5.4-nano": _reasoning("gpt-5.4-nano-2026-03-17"),
    "gpt-5.5": _reasoning("gpt-5.5-2026-04-23", 1_050_000),
    "gpt-6-sol": _reasoning("gpt-6-sol", 1_050_000),
    "gpt-6-astra": _reasoning("gpt-6-astra", 1_050_000),
    "gpt-6.1-sol": _reasoning("gpt-6.1-sol", 1_050_000),
    "gpt-6.2-sol": _reasoning("gpt-6.2-sol", 1_050_000),
    "text-embedding-3-small": Model(
        "text-embedding-3-small", "embedding", context=8_192, dimensions=1536
    ),
    "text-embedding-3-large": Model(
        "text-embedding-3-large", "embedding", context=8_192, dimensions=3072
    ),
    "text-embedding-ada-002": Model(
        "text-embedding-ada-002-v2", "embedding", context=8_192, dimensions=1536
    ),
    "gpt-3.5-turbo-instruct": Model(
        "gpt-3.5-turbo-instruct:20230824-v2", "completion", context=4_096
    ),
    "davinci-002": Model("davinci-002", "completion", context=16_384),
    "babbage-002": Model("babbage-002", "completion", context=16_384),
    "omni-moderation-latest": Model("omni-moderation-2024-09-26", "moderation", context=32_768),
    "text-moderation-latest": Model("text-moderation-007", "moderation", context=32_768),
    "gpt-image-1": Model("gpt-image-1", "image", context=8_192),
    "gpt-image-1-mini": Model("gpt-image-1-mini", "image", context=8_192),
    "gpt-image-1.5": Model("gpt-image-1.5", "image", context=8_192),
    "gpt-image-2": Model("gpt-image-2", "image", context=8_192),
    "sora-2": Model("sora-2", "video", context=8_192),
}


def find_model(name: str) -> Model | None:
    """The model of this name; a dated snapshot and a fine-tune are known by their family."""
    if name.startswith("ft:"):
        family = find_model(name.split(":")[1])
        return replace(family, snapshot=name) if family else None
    if name in _MODELS:
        return _MODELS[name]
    family = _MODELS.get(_SNAPSHOT.sub("", name))
    return replace(family, snapshot=name) if family and _SNAPSHOT.search(name) else None
