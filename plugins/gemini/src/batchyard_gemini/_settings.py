"""What an account of the Gemini API is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["Settings"]

URL = "https://generativelanguage.googleapis.com"

KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
"""Variables with a key; where both are set, Google's own client takes the first."""

URL_VARIABLE = "GOOGLE_GEMINI_BASE_URL"


class Settings(BaseModel):
    """Settings of an account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(description="the key; variable GEMINI_API_KEY or GOOGLE_API_KEY")
    base_url: str = Field(default=URL, description=f"variable {URL_VARIABLE}")
    api_version: str = Field(default="v1beta", pattern=r"^v[0-9]+[a-z0-9]*$")
    lossy: Literal["error", "drop"] = Field(
        default="error",
        description="what becomes of a parameter without which the answer may differ, and which "
        "Gemini lacks: its file is refused, or it is left out and reported",
    )
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")

    @field_validator("api_key")
    @classmethod
    def _usable(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not (text and text.isascii() and text.isprintable()):
            raise ValueError("the key is empty, or has characters that no key has")
        return SecretStr(text)

    @field_validator("base_url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"a base URL begins with https://, for example {URL}")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("a base URL has neither query nor credentials; use api_key")
        return url.rstrip("/")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings | None:
        key = next((environ[one] for one in KEYS if environ.get(one)), None)
        if key is None:
            return None
        given: dict[str, Any] = {"api_key": SecretStr(key)}
        if environ.get(URL_VARIABLE):
            given["base_url"] = environ[URL_VARIABLE]
        return cls(**given)
