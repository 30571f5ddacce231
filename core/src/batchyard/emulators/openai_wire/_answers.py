"""Answers to rows, by endpoint."""

from __future__ import annotations

from collections.abc import Callable

from batchyard.emulators.openai_wire._chat import answer_chat, answer_completion
from batchyard.emulators.openai_wire._media import (
    answer_embeddings,
    answer_images,
    answer_moderation,
    answer_video,
)
from batchyard.emulators.openai_wire._responses import answer_response
from batchyard.emulators.openai_wire._rows import Answer, Row

_ANSWERS: dict[str, Callable[[Row], Answer]] = {
    "/v1/chat/completions": answer_chat,
    "/v1/responses": answer_response,
    "/v1/completions": answer_completion,
    "/v1/embeddings": answer_embeddings,
    "/v1/moderations": answer_moderation,
    "/v1/images/generations": answer_images,
    "/v1/images/edits": answer_images,
    "/v1/videos": answer_video,
}


def answer(endpoint: str, row: Row) -> Answer:
    """What the service answers to a row whose body it accepts."""
    return _ANSWERS[endpoint](row)
