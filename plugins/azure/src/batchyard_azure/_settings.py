"""What an account of Azure OpenAI is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["Deployment", "Settings"]

V1 = "/openai/v1"
"""Where a resource has the v1 API, which needs no api-version."""

EXAMPLE = "https://my-resource.openai.azure.com"

VARIABLES = {
    "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    "base_url": ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
}
"""The variables of the official SDK, and after them LiteLLM's."""

DeploymentType = Literal["GlobalBatch", "DataZoneBatch"]
"""The SKUs that take batches (Azure OpenAI how-to, batch deployments)."""


class Deployment(BaseModel):
    """A deployment of a model, which lines have to name in the model's place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="the deployment's name")
    base_model: str | None = Field(default=None, description="the model that it is billed as")
    type: DeploymentType = Field(default="GlobalBatch", description="its SKU")


class Settings(BaseModel):
    """Settings of an account: one resource, reached by its v1 API with an API key.

    ``deployments`` has, by the models that lines name, the deployments that they
    mean; a model that is not among them is taken for a deployment's name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(description="a key of the resource; variable AZURE_OPENAI_API_KEY")
    base_url: str = Field(description="the resource's endpoint; variable AZURE_OPENAI_ENDPOINT")
    api_version: Literal["v1", "preview"] | None = Field(
        default=None, description="the version of the v1 API to ask for"
    )
    deployments: Mapping[str, Deployment] = Field(
        default_factory=dict, description="deployments by the model they stand for"
    )
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    processing_timeout: float = Field(
        default=600.0, gt=0, description="seconds to wait until an uploaded file is processed"
    )
    max_lines: int | None = Field(default=100_000, gt=0, description="requests in one file")
    max_bytes: int | None = Field(default=200_000_000, gt=0, description="bytes in one file")

    @field_validator("api_key")
    @classmethod
    def _usable(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not text:
            raise ValueError("the key is empty")
        if not (text.isascii() and text.isprintable()):
            raise ValueError("the key has characters that no key has")
        return SecretStr(text)

    @field_validator("api_version", mode="before")
    @classmethod
    def _version(cls, version: Any) -> Any:
        if version in (None, "", "v1", "preview"):  # a set would trip over what cannot be hashed
            return version or None
        raise ValueError(
            "only the v1 API is spoken so far, and dated versions are not; "
            "leave api_version out, or give 'v1' or 'preview'"
        )

    @field_validator("base_url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"a base URL begins with https://, for example {EXAMPLE}")
        if parts.username or parts.password:
            raise ValueError("a base URL may not hold credentials; use api_key")
        if parts.query or parts.fragment or "/deployments/" in parts.path:
            raise ValueError(f"this is the URL of one call; give the resource's, such as {EXAMPLE}")
        path = parts.path.rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{V1 if path in {'', '/openai'} else path}"

    @property
    def query(self) -> Mapping[str, str]:
        """What every URL ends with."""
        return {"api-version": self.api_version} if self.api_version else {}

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the configuration names."""
        return tuple(self.deployments)

    @property
    def names(self) -> Mapping[str, str]:
        """The deployments' names, by the models that lines name."""
        return {model: one.name for model, one in self.deployments.items()}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings | None:
        """The account that the variables describe, if they have both its key and its endpoint."""
        found = {
            setting: next((environ[name] for name in names if environ.get(name)), "")
            for setting, names in VARIABLES.items()
        }
        return cls(**found) if all(found.values()) else None  # type: ignore[arg-type]
