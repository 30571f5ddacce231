"""What is configured of the sink."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["ObjectStoreSettings"]

SCHEMES = ("file", "s3", "s3a", "gs", "az", "azure", "abfs", "abfss")


class ObjectStoreSettings(BaseModel):
    """A place for files.  Credentials are those of the environment, or ``options``."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    url: str = Field(
        description="where to: a folder's path, s3://bucket/prefix, gs://bucket/prefix or "
        "az://account/container/prefix"
    )
    format: Literal["ndjson", "parquet"] = Field(
        default="ndjson", description="parquet needs batchyard-objectstore[parquet]"
    )
    options: Mapping[str, SecretStr] = Field(
        default={}, description="of the store, by obstore's names, such as region or endpoint"
    )
    allow_http: bool = Field(default=False, description="whether the store may be reached plainly")
    timeout: float = Field(
        default=8.0, gt=0, le=9.5, description="seconds that a file may take, retries included"
    )

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        scheme, found, rest = value.partition("://")
        if not found:
            return Path(value).expanduser().absolute().as_uri()
        if scheme not in SCHEMES:
            raise ValueError(f"must be a path, or begin with one of {', '.join(SCHEMES)}")
        if not rest.strip("/"):
            raise ValueError("must name a bucket or a folder")
        if "@" in urlsplit(value).netloc and scheme in {"s3", "s3a", "gs"}:
            raise ValueError("must have no password in it: options are the place for one")
        return value.rstrip("/")

    @field_validator("options")
    @classmethod
    def _tellable(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, one in value.items():
            _, _, address = one.get_secret_value().partition("://")
            if "@" in address.partition("/")[0]:
                # errors tell the address that could not be reached
                raise ValueError(f"{name[:40]!r} must have no password in its address")
        return value

    @field_validator("format")
    @classmethod
    def _installed(cls, value: str) -> str:
        if value == "parquet" and find_spec("pyarrow") is None:
            raise ValueError("needs pyarrow: pip install 'batchyard-objectstore[parquet]'")
        return value
