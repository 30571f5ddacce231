"""What is configured of the sink."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["LangfuseSettings"]


class LangfuseSettings(BaseModel):
    """A project of Langfuse's."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    public_key: str = Field(min_length=1, description="the project's public key: pk-lf-…")
    secret_key: SecretStr = Field(description="the project's secret key: sk-lf-…")
    host: str = Field(
        default="https://cloud.langfuse.com", description="where Langfuse is, without a path"
    )
    totals: Literal["batch", "lines"] = Field(
        default="batch",
        description="whose usage and cost Langfuse adds up: the batch's, by model, or the lines', "
        "for a subscription that is told all of them",
    )
    environment: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_-]{1,40}$",
        description="Langfuse's environment, such as production",
    )
    capture_metadata: bool = Field(
        default=False, description="whether the batches' own metadata is sent too"
    )
    timeout: float = Field(
        default=8.0, gt=0, le=9.5, description="seconds that it may take, retries included"
    )

    @field_validator("host")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address: https://…")
        if parts.username or parts.password:
            raise ValueError("must have no password in it")
        return value.rstrip("/")
