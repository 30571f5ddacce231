"""Gemini batches on Vertex AI, for Batchyard."""

from __future__ import annotations

from batchyard_vertex._provider import Vertex
from batchyard_vertex._settings import Settings

__all__ = ["Settings", "Vertex"]
