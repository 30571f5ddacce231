"""What an account of OpenAI, or of a service that speaks its API, is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["DEFAULT_BASE", "REGIONS", "Settings"]

DEFAULT_BASE = "https://api.openai.com/v1"

REGIONS = ("us", "eu", "ae", "au", "in", "jp")
"""Data residency: files and batches live in the project's region, on a host of its own."""

Region = Literal["us", "eu", "ae", "au", "in", "jp"]

VARIABLES = {
    "api_key": "OPENAI_API_KEY",
    "base_url": "OPENAI_BASE_URL",
    "organization": "OPENAI_ORG_ID",
    "project": "OPENAI_PROJECT_ID",
}
"""The variables that the official SDK reads."""


class Settings(BaseModel):
    """Settings of an account.  ``base_url`` wins over ``region``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(description="the API key; variable OPENAI_API_KEY")
    base_url: str | None = Field(default=None, description="variable OPENAI_BASE_URL")
    region: Region | None = Field(default=None, description="a data residency region")
    organization: str | None = Field(default=None, description="variable OPENAI_ORG_ID")
    project: str | None = Field(default=None, description="variable OPENAI_PROJECT_ID")
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    max_lines: int | None = Field(default=50_000, gt=0, description="requests in one file")
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

    @field_validator("base_url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a base URL begins with https://, for example " + DEFAULT_BASE)
        if parts.query or parts.fragment:
            raise ValueError("a base URL has neither query nor fragment; use extra_headers")
        if parts.username or parts.password:
            raise ValueError("a base URL may not hold credentials; use api_key")
        return url.rstrip("/")

    @property
    def base(self) -> str:
        """Where requests go."""
        if self.base_url:
            return self.base_url
        return f"https://{self.region}.api.openai.com/v1" if self.region else DEFAULT_BASE

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings | None:
        """The account that the official SDK's variables describe, if they have a key."""
        found = {
            name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)
        }
        return cls(**found) if "api_key" in found else None  # type: ignore[arg-type]
