"""The Gemini API's batches for Batchyard."""

from __future__ import annotations

from batchyard_gemini._provider import Gemini
from batchyard_gemini._settings import Settings

__all__ = ["Gemini", "Settings"]
