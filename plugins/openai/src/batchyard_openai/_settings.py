"""What an account of OpenAI, or of a service that speaks its API, is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from batchyard.errors import ConfigError
from batchyard_openai._hosts import OPENAI, Host, named

__all__ = ["DEFAULT_BASE", "REGIONS", "Settings"]

DEFAULT_BASE = "https://api.openai.com/v1"

REGIONS = ("us", "eu", "ae", "au", "in", "jp")
"""Data residency: files and batches live in the project's region, on a host of its own."""

Region = Literal["us", "eu", "ae", "au", "in", "jp"]

OWN_VARIABLES = {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
"""Variables of OpenAI's SDK that mean nothing elsewhere."""

HOST_VARIABLE = "OPENAI_HOST"


class Settings(BaseModel):
    """Settings of an account.  ``base_url`` wins over ``region`` and over the host's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(
        description="the API key; variable OPENAI_API_KEY, or the one of the host"
    )
    host: str | Host | None = Field(
        default=None,
        description="a service that speaks OpenAI's API, by name or as a table; "
        f"variable {HOST_VARIABLE}",
    )
    base_url: str | None = Field(default=None, description="variable OPENAI_BASE_URL")
    region: Region | None = Field(default=None, description="a data residency region")
    organization: str | None = Field(default=None, description="variable OPENAI_ORG_ID")
    project: str | None = Field(default=None, description="variable OPENAI_PROJECT_ID")
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    max_lines: int | None = Field(
        default=None, gt=0, description="requests in one file, where it is not what the host takes"
    )
    max_bytes: int | None = Field(
        default=None, gt=0, description="bytes in one file, where it is not what the host takes"
    )

    @field_validator("api_key")
    @classmethod
    def _usable(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not text:
            raise ValueError("the key is empty")
        if not (text.isascii() and text.isprintable()):
            raise ValueError("the key has characters that no key has")
        return SecretStr(text)

    @field_validator("host", mode="before")
    @classmethod
    def _known(cls, host: Any) -> Any:
        if isinstance(host, str):
            named(host)
            return host.strip().lower()
        if host is None or isinstance(host, Host | Mapping):
            return host
        raise ValueError("a host is a name, or a table with base_url and key")

    @model_validator(mode="after")
    def _of_openai_alone(self) -> Self:
        if self.at.prices != OPENAI:
            for name in ("region", "organization", "project"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{self.at.title} has no {name}; leave it out")
        return self

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
    def at(self) -> Host:
        """The service that is spoken to."""
        return self.host if isinstance(self.host, Host) else named(self.host or OPENAI)

    @property
    def base(self) -> str:
        """Where requests go."""
        if self.base_url:
            return self.base_url
        if self.region:
            return f"https://{self.region}.api.openai.com/v1"
        return self.at.base_url.rstrip("/")

    @property
    def most_lines(self) -> int | None:
        """Requests in one file; ``None`` that was set says that there is no limit."""
        return self.max_lines if "max_lines" in self.model_fields_set else self.at.max_lines

    @property
    def most_bytes(self) -> int | None:
        return self.max_bytes if "max_bytes" in self.model_fields_set else self.at.max_bytes

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], given: Mapping[str, Any] = MappingProxyType({})
    ) -> Settings | None:
        """The account that the variables of the host's SDK describe, if they have a key.

        Which host that is may be said by what is *given*: no other's key is sent to it.
        """
        host = given.get("host") or environ.get(HOST_VARIABLE) or None
        at = _meant(host, by_variable=not given.get("host"))
        if at is None:
            return None
        variables = {"api_key": at.key, "base_url": at.url}
        found: dict[str, Any] = {
            name: environ[variable]
            for name, variable in variables.items()
            if variable and environ.get(variable)
        }
        if "api_key" not in found:
            return None
        if "base_url" in found:
            found["base_url"] = at.rooted(found["base_url"])
        if at.prices == OPENAI:
            own = OWN_VARIABLES.items()
            found |= {name: environ[one] for name, one in own if environ.get(one)}
        return cls(**found) if host is None else cls(**found, host=host)


def _meant(host: Any, *, by_variable: bool) -> Host | None:
    """The host; ``None`` for one that is none, which is told when the account is made."""
    try:
        if isinstance(host, Mapping):
            return Host.model_validate(dict(host))
        return host if isinstance(host, Host) else named(str(host or OPENAI))
    except ValueError as error:
        if by_variable:
            raise ConfigError(f"{HOST_VARIABLE}: {error}", param="host") from None
        return None
