"""How many rows a job takes."""

from __future__ import annotations

from batchyard_vertex._settings import Settings
from batchyard_vertex.translation import EMBEDDINGS, is_predicted

__all__ = ["most_rows"]

MOST = 200_000
MOST_EMBEDDINGS = 1_000_000
MOST_PREDICTIONS = 30_000
"""For embedding models before Gemini's."""


def most_rows(settings: Settings, endpoint: str | None, model: str | None) -> int:
    """Of one file (Vertex AI, batch inference; batch embeddings).  *model* is as lines name it."""
    if settings.max_lines is not None:
        return settings.max_lines
    if endpoint not in {None, EMBEDDINGS}:
        return MOST
    predicted = model is not None and is_predicted(settings.models.get(model, model))
    return MOST_PREDICTIONS if predicted else MOST_EMBEDDINGS
