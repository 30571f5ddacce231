"""Gemini batches on Vertex AI, for Batchyard."""

from __future__ import annotations

from batchyard_vertex._provider import Vertex
from batchyard_vertex._settings import Settings
from batchyard_vertex.translation import FieldLoss, losses_of

__all__ = ["FieldLoss", "Settings", "Vertex", "losses_of"]
