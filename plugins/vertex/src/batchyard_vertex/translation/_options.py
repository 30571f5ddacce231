"""What the translation has to know of an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from batchyard_vertex._translation_settings import Efforts, EmbeddingConfig, Lossy

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """``models`` are names in the lines, and Vertex's names for them."""

    models: Mapping[str, str] = field(default_factory=dict)
    lossy: Lossy = "error"
    efforts: Efforts = "google"
    embedding_config: EmbeddingConfig = "flat"

    def resolved(self, model: str) -> str:
        return self.models.get(model, model)
