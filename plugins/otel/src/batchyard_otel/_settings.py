"""What is configured of the sink."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["OtelSettings", "Signal"]

Signal: TypeAlias = Literal["traces", "metrics", "logs"]

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[!-~]([\t -~]*[!-~])?")

DEADLINE = 9.5
"""Seconds that a delivery may take, less what it takes beside waiting."""


class OtelSettings(BaseModel):
    """What is not set is as the variables ``OTEL_EXPORTER_OTLP_…`` have it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    endpoint: str | None = Field(
        default=None,
        description="the collector's address without /v1/traces; by default "
        "OTEL_EXPORTER_OTLP_ENDPOINT, or else http://localhost:4318",
    )
    headers: Mapping[str, SecretStr] = Field(
        default={}, description="sent with each request, such as an API key"
    )
    signals: tuple[Signal, ...] = Field(
        default=("traces", "metrics", "logs"), min_length=1, description="what is sent"
    )
    compression: Literal["none", "gzip", "deflate"] = Field(
        default="gzip", description="how it is packed"
    )
    timeout: float = Field(
        default=3.0, gt=0, description="seconds that each signal may take, retries included"
    )
    service_name: str = Field(
        default="batchyard", min_length=1, description="the service that it is told as"
    )
    resource: Mapping[str, str] = Field(default={}, description="further attributes of the service")
    capture_metadata: bool = Field(
        default=False, description="whether the batches' own metadata is sent too"
    )

    @field_validator("endpoint")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address: http://… or https://…")
        if parts.username or parts.password:
            raise ValueError("must have no password in it: headers are the place for one")
        return value.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, one in value.items():
            # what refuses them later quotes them: a variable's last newline is enough
            if not NAME.fullmatch(name) or not VALUE.fullmatch(one.get_secret_value()):
                raise ValueError(f"{name[:40]!r} is no header, or its value cannot be one's")
        return value

    @model_validator(mode="after")
    def _in_time(self) -> OtelSettings:
        if self.timeout * len(self.signals) > DEADLINE:
            raise ValueError(
                f"timeout must be at most {DEADLINE / len(self.signals):.2g} seconds for "
                f"{len(self.signals)} signals: a delivery has ten in all"
            )
        return self
