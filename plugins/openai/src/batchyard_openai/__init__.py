"""OpenAI's batch API for Batchyard."""

from __future__ import annotations

from batchyard_openai._provider import OpenAI
from batchyard_openai._settings import Settings

__all__ = ["OpenAI", "Settings"]
