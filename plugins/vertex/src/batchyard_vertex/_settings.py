"""What an account of Vertex AI is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from batchyard_vertex._translation_settings import TranslationSettings

__all__ = ["GOOGLES", "Settings"]

GOOGLES = "googleapis.com"
"""The domain of Google's own universe; clouds run by others have theirs."""

QUARTER = 256 * 1024
"""Chunks of a resumable upload are multiples of this (Cloud Storage, resumable uploads)."""

_LARGEST_KEY = 64 * 1024
"""Characters that a key has, at most."""

_LOCATION = re.compile(r"[a-z][a-z0-9-]{1,40}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,6}")
_MULTI_REGIONS = frozenset({"us", "eu"})

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "project": ("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT"),
    "location": ("VERTEXAI_LOCATION", "GOOGLE_CLOUD_LOCATION"),
    "credentials": ("VERTEXAI_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"),
    "bucket": ("GCS_BUCKET_NAME",),
    "quota_project": ("GOOGLE_CLOUD_QUOTA_PROJECT",),
    "universe_domain": ("GOOGLE_CLOUD_UNIVERSE_DOMAIN",),
    "base_url": ("VERTEXAI_API_BASE", "GOOGLE_VERTEX_BASE_URL"),
    "storage_base_url": ("STORAGE_EMULATOR_HOST",),
    "models": ("BATCHYARD_VERTEX_MODELS",),
}
"""The variables of LiteLLM and of Google's SDKs; the first that is set wins."""

OTHER_NAMES = {
    "vertex_project": "project",
    "vertex_location": "location",
    "vertex_credentials": "credentials",
    "gcs_bucket_name": "bucket",
}
"""LiteLLM's names for settings."""


class Settings(TranslationSettings):
    """Settings of an account.  ``bucket`` may be written ``bucket/prefix``, ``gs://`` or not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(
        validation_alias=AliasChoices("project", "vertex_project"),
        min_length=1,
        description="the project; variable VERTEXAI_PROJECT",
    )
    location: str = Field(
        validation_alias=AliasChoices("location", "vertex_location"),
        default="us-central1",
        description="variable VERTEXAI_LOCATION",
    )
    bucket: str = Field(
        validation_alias=AliasChoices("bucket", "gcs_bucket_name"),
        description="a bucket of Cloud Storage; variable GCS_BUCKET_NAME",
    )
    prefix: str = Field(default="batchyard", description="the folder in the bucket")
    readable: tuple[str, ...] = Field(
        default=(),
        description="buckets or folders (gs://…) that files may be read from in place",
    )
    credentials: SecretStr | None = Field(
        validation_alias=AliasChoices("credentials", "vertex_credentials"),
        default=None,
        description="path or content of a JSON key; variable VERTEXAI_CREDENTIALS",
    )
    self_signed_jwt: bool = Field(
        default=False, description="a service account's own token, with no token request"
    )
    quota_project: str | None = Field(default=None, description="the project that pays quota")
    models: dict[str, str] = Field(
        default={}, description="names of models in the lines, and Vertex's names for them"
    )
    universe_domain: str = Field(default=GOOGLES, description="of a cloud that is not Google's own")
    base_url: str | None = Field(default=None, description="where jobs are, without /v1")
    storage_base_url: str | None = Field(default=None, description="where Cloud Storage is")
    resource_manager_url: str | None = Field(
        default=None, description="where projects are, for the check of an account"
    )
    token_url: str | None = Field(default=None, description="instead of the credentials' own")
    staged_inputs: Literal["keep", "delete"] = Field(
        default="keep",
        description="`delete` has a ledger delete what it uploaded, the job and what that wrote, "
        "once the batch is settled",
    )
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    chunk_bytes: int = Field(default=8 * 1024 * 1024, gt=0, description="bytes sent at a time")
    max_lines: int | None = Field(
        default=None,
        gt=0,
        description="requests in one file, in place of 200,000 and, of embeddings, 1,000,000 or, "
        "for text-embedding models, 30,000",
    )
    max_bytes: int | None = Field(default=1_000_000_000, gt=0, description="bytes in one file")

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        values: dict[str, Any] = {
            str(OTHER_NAMES.get(name, name)): value for name, value in given.items()
        }
        # a name of LiteLLM's is given in a call, and wins over the environment
        values |= {own: given[other] for other, own in OTHER_NAMES.items() if other in given}
        if isinstance(values.get("credentials"), Mapping):
            values["credentials"] = json.dumps(values["credentials"])
        _split_bucket(values)
        if not values.get("project"):
            values |= _project_of(values.get("credentials"))
        return values

    @field_validator("location")
    @classmethod
    def _place(cls, location: str) -> str:
        if not _LOCATION.fullmatch(location):
            raise ValueError("a location is a region such as us-central1, or global, us or eu")
        return location

    @field_validator("bucket")
    @classmethod
    def _named(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("not the name of a bucket")
        return bucket

    @field_validator("readable")
    @classmethod
    def _places(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            bucket, _, folder = place.removeprefix("gs://").partition("/")
            wrong = not place.startswith("gs://") or not _BUCKET.fullmatch(bucket)
            if wrong or ".." in folder.split("/"):
                raise ValueError("a readable place is written gs://bucket or gs://bucket/folder")
        return places

    @field_validator("prefix")
    @classmethod
    def _folder(cls, prefix: str) -> str:
        parts = [part for part in prefix.split("/") if part]
        if any(part in {".", ".."} or not part.isprintable() for part in parts):
            raise ValueError("a prefix is made of names, separated by slashes")
        return "/".join(parts)

    @field_validator("universe_domain")
    @classmethod
    def _domain(cls, domain: str) -> str:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("a universe's domain is written like googleapis.com")
        return domain

    @field_validator("base_url", "storage_base_url", "resource_manager_url", "token_url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if not url:
            return None
        # STORAGE_EMULATOR_HOST is a host and port in some of its uses
        whole = url if "://" in url else f"http://{url}"
        parts = urlsplit(whole)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a base URL begins with https://")
        if parts.username or parts.password:
            raise ValueError("a base URL may not hold credentials")
        return whole.rstrip("/")

    @field_validator("chunk_bytes")
    @classmethod
    def _chunk(cls, size: int) -> int:
        if size % QUARTER:
            raise ValueError(f"chunks are multiples of {QUARTER} bytes")
        return size

    def host(self, location: str) -> str:
        """Where the jobs of a location are (Vertex AI, regional and multi-regional endpoints)."""
        if self.base_url:
            return self.base_url
        domain = self.universe_domain
        if location == "global":
            return f"https://aiplatform.{domain}"
        if location in _MULTI_REGIONS:
            return f"https://aiplatform.{location}.rep.{domain}"
        return f"https://{location}-aiplatform.{domain}"

    @property
    def storage(self) -> str:
        """Where Cloud Storage is."""
        return self.storage_base_url or f"https://storage.{self.universe_domain}"

    @property
    def resource_manager(self) -> str:
        """Where projects are described.  What stands in for the jobs stands in for this too."""
        usual = self.base_url or f"https://cloudresourcemanager.{self.universe_domain}"
        return self.resource_manager_url or usual

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings | None:
        """The account that the variables describe, if they have a bucket and a project."""
        found: dict[str, Any] = {}
        for name, variables in VARIABLES.items():
            value = next((environ[one] for one in variables if environ.get(one)), None)
            if value is not None:
                found[name] = value
        if "models" in found:
            found["models"] = _models(found["models"])
        named = found.get("project") or _project_of(found.get("credentials"))
        return cls(**found) if named and "bucket" in found else None


def _split_bucket(values: dict[str, Any]) -> None:
    """Take ``gs://bucket/prefix`` apart."""
    bucket = values.get("bucket")
    if not isinstance(bucket, str):
        return
    name, _, prefix = bucket.removeprefix("gs://").partition("/")
    values["bucket"] = name
    if prefix.strip("/"):
        values.setdefault("prefix", prefix)


def _project_of(credentials: Any) -> dict[str, str]:
    """The project that a service account's key names, given by its content or its path."""
    if isinstance(credentials, SecretStr):
        credentials = credentials.get_secret_value()
    if not isinstance(credentials, str) or not credentials.strip():
        return {}
    try:
        text = credentials if credentials.lstrip().startswith("{") else _read(credentials)
        key = json.loads(text)
    except (OSError, ValueError, RecursionError):
        # what is wrong with it is told when it is used
        return {}
    project = key.get("project_id") if isinstance(key, dict) else None
    return {"project": project} if isinstance(project, str) else {}


def _read(path: str) -> str:
    with Path(path).open(encoding="utf-8") as file:
        return file.read(_LARGEST_KEY)


def _models(text: str) -> Any:
    """A JSON object; anything else is left for the settings to refuse."""
    try:
        return json.loads(text)
    except ValueError:
        return text
