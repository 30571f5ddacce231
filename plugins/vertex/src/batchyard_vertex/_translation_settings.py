"""The part of an account's settings that is about the translation."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, Field

__all__ = ["Efforts", "EmbeddingConfig", "Lossy", "TranslationSettings"]

Lossy: TypeAlias = Literal["error", "warn", "drop"]
Efforts: TypeAlias = Literal["google", "litellm"]
EmbeddingConfig: TypeAlias = Literal["flat", "nested"]


class TranslationSettings(BaseModel):
    """What an account says of the translation."""

    lossy: Lossy = Field(
        default="error",
        description="what Vertex AI has no word for, where the answer may differ for it: "
        "error refuses the file; warn and drop leave it out, and warn logs so",
    )
    efforts: Efforts = Field(
        default="google",
        description="budgets of reasoning_effort on Gemini 2.5: Google's, or LiteLLM's",
    )
    embedding_config: EmbeddingConfig = Field(
        default="flat",
        description="where requests for embeddings have their settings: flat in the request, "
        "or nested in embed_content_config",
    )
