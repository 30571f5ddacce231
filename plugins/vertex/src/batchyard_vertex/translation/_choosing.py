"""Which dialect a file is written in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from batchyard_vertex.translation._claude import Claude, OpenModel
from batchyard_vertex.translation._dialects import (
    Dialect,
    GeminiChat,
    GeminiNative,
    GeminiResponses,
)
from batchyard_vertex.translation._embeddings import Embeddings, Predictions, is_predicted
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._refusals import LineRefusedError
from batchyard_vertex.translation._traits import publisher_of

__all__ = ["EMBEDDINGS", "ENDPOINTS", "NATIVE", "dialect_of"]

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
RESPONSES = "/v1/responses"
NATIVE = "/v1/generateContent"
"""Gemini's own requests in, and its own answers out: the body is a GenerateContentRequest."""

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        CHAT: "chat-completions",
        EMBEDDINGS: "embeddings",
        RESPONSES: "responses",
        NATIVE: "generate-content",
    }
)
"""What can be batched, and how a job's label says so."""


def dialect_of(url: str, model: str, options: Options) -> Dialect:
    """*model* is Vertex's own name."""
    publisher = publisher_of(model)
    if publisher != "google":
        if url != CHAT:
            message = f"Models of {publisher} on Vertex AI take {CHAT} in batches, not {url}."
            raise LineRefusedError(message, "url", "invalid_url")
        return Claude(options) if publisher == "anthropic" else OpenModel()
    if url == CHAT:
        return GeminiChat(model, options)
    if url == RESPONSES:
        return GeminiResponses(model, options)
    if url == NATIVE:
        return GeminiNative()
    return Predictions() if is_predicted(model) else Embeddings(model, options)
