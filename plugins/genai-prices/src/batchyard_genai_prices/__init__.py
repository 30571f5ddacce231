"""genai-prices as a source of Batchyard's prices."""

from __future__ import annotations

from batchyard_genai_prices._source import GenAIPrices

__all__ = ["GenAIPrices"]
