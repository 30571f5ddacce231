"""What an account of Azure OpenAI is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from batchyard_azure._addresses import (
    authority_url,
    cloud_of,
    container_url,
    is_dated,
    resource_url,
)
from batchyard_azure._environment import found_in

__all__ = ["BlobStorage", "Deployment", "Settings"]

DeploymentType = Literal["GlobalBatch", "DataZoneBatch"]
"""The SKUs that take batches (Azure OpenAI how-to, batch deployments)."""

Identity = Literal["default", "managed", "environment", "workload", "cli", "developer-cli"]
"""Credentials of azure-identity."""

DAY = 86_400

DATE = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

BLOBS_SINCE = "2025-04-01-preview"
"""The first version of the dated API that takes blobs."""

CREDENTIALS = ("api_key", "ad_token", "client_secret", "federated_token_file", "identity")
"""Settings of which an account has exactly one."""


class Deployment(BaseModel):
    """A deployment of a model, which lines have to name in the model's place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="the deployment's name")
    base_model: str | None = Field(default=None, description="the model that it is billed as")
    type: DeploymentType = Field(default="GlobalBatch", description="its SKU")


def _usable(secret: SecretStr | None) -> SecretStr | None:
    if secret is None:
        return None
    text = secret.get_secret_value().strip()
    if not text:
        raise ValueError("it is empty")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("it has characters that none has")
    return SecretStr(text)


class BlobStorage(BaseModel):
    """A container in which batches have their inputs and outputs, in place of the files API.

    The resource's managed identity needs *Storage Blob Data Contributor* there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    container: str = Field(
        description="its URL, https://my-account.blob.core.windows.net/my-container"
    )
    prefix: str = Field(default="batchyard/", description="what all names begin with")
    sas: SecretStr | None = Field(
        default=None,
        description="a shared access signature for it (read, write, delete, list); "
        "without one, tokens are asked for as for the resource",
    )
    metadata: bool = Field(
        default=False,
        description="whether metadata is sent with such batches, which the service says not to",
    )

    _sas = field_validator("sas")(_usable)

    @field_validator("container")
    @classmethod
    def _container(cls, url: str) -> str:
        return container_url(url)

    @field_validator("prefix")
    @classmethod
    def _prefix(cls, prefix: str) -> str:
        parts = [part for part in prefix.strip().split("/") if part]
        if any(part in {".", ".."} or not part.isprintable() for part in parts):
            raise ValueError("a prefix is made of plain names with / between them")
        if set(prefix) & set("%?#\\"):
            # which a URL has for something else, and a service would not give back as they were
            raise ValueError("a prefix has no %, ?, # or \\; it is encoded for URLs by itself")
        return "".join(f"{part}/" for part in parts)

    @field_validator("sas")
    @classmethod
    def _query(cls, sas: SecretStr | None) -> SecretStr | None:
        return None if sas is None else SecretStr(sas.get_secret_value().lstrip("?"))


class Settings(BaseModel):
    """Settings of an account: one resource, by its v1 API or by a dated ``api_version``.

    It has exactly one credential.  ``deployments`` has, by the models that lines
    name, the deployments that they mean; a model that is not among them is taken
    for a deployment's name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (CREDENTIALS,)

    api_version: str | None = Field(
        default=None,
        description="`2024-10-21` or `2025-04-01-preview`, for the dated API; without one, "
        "or with `v1` or `preview`, the v1 API. Variable OPENAI_API_VERSION",
    )
    base_url: str = Field(description="the resource's endpoint; variable AZURE_OPENAI_ENDPOINT")
    api_key: SecretStr | None = Field(
        default=None, description="a key of the resource; variable AZURE_OPENAI_API_KEY"
    )
    ad_token: SecretStr | None = Field(
        default=None, description="an Entra token that is not renewed; AZURE_OPENAI_AD_TOKEN"
    )
    tenant_id: str | None = Field(default=None, description="variable AZURE_TENANT_ID")
    client_id: str | None = Field(
        default=None, description="an application's, or a managed identity's; AZURE_CLIENT_ID"
    )
    client_secret: SecretStr | None = Field(
        default=None, description="the application's secret; variable AZURE_CLIENT_SECRET"
    )
    federated_token_file: Path | None = Field(
        default=None,
        description="a file with a token to exchange (workload identity); "
        "variable AZURE_FEDERATED_TOKEN_FILE",
    )
    identity: Identity | None = Field(
        default=None, description="a credential of azure-identity (extra [identity])"
    )
    authority: str | None = Field(
        default=None,
        description="where tokens come from; by the resource's host, login.microsoftonline.com. "
        "Variable AZURE_AUTHORITY_HOST",
    )
    scope: str | None = Field(default=None, description="what tokens are for; by host and API")
    deployments: Mapping[str, Deployment] = Field(
        default_factory=dict, description="deployments by the model they stand for"
    )
    storage: BlobStorage | None = Field(
        default=None, description="a container for inputs and outputs, in place of files"
    )
    file_expiry: int = Field(
        default=14 * DAY, ge=3600, le=30 * DAY, description="seconds that an upload is kept there"
    )
    output_expiry: int | None = Field(
        default=30 * DAY,
        ge=3600,
        le=30 * DAY,
        description="seconds that results are kept there, where the API takes it; "
        "for ever, if none",
    )
    staged_inputs: Literal["keep", "delete"] = Field(
        default="keep",
        description="`delete` has a ledger delete what it uploaded once the batch is settled",
    )
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    processing_timeout: float = Field(
        default=600.0, gt=0, description="seconds to wait until an uploaded file is processed"
    )
    max_lines: int | None = Field(default=100_000, gt=0, description="requests in one file")
    max_bytes: int | None = Field(
        default=None, gt=0, description="bytes in one file; 200 MB, or 1 GB in blob storage"
    )

    _secrets = field_validator("api_key", "ad_token", "client_secret")(_usable)

    @field_validator("api_version", mode="before")
    @classmethod
    def _version(cls, version: Any) -> Any:
        if version is None or version == "":
            return None
        if version in ("v1", "preview") or (isinstance(version, str) and DATE.fullmatch(version)):
            return version
        raise ValueError(
            "an API version is a date, such as 2024-10-21 or 2025-04-01-preview; leave it out "
            "for the v1 API, or give 'v1' or 'preview'"
        )

    @field_validator("base_url")
    @classmethod
    def _url(cls, url: str, info: ValidationInfo) -> str:
        return resource_url(url, info.data.get("api_version"))

    @field_validator("authority")
    @classmethod
    def _authority(cls, authority: str | None) -> str | None:
        if authority is None:
            return None
        return authority_url(authority)

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [name for name in CREDENTIALS if getattr(self, name) is not None]
        if len(given) != 1:
            what = " and ".join(given) if given else "none"
            raise ValueError(
                f"an account has one credential, and here there is {what}: give one of "
                f"{', '.join(CREDENTIALS[:-1])} or {CREDENTIALS[-1]}"
            )
        lacking = [name for name in ("tenant_id", "client_id") if getattr(self, name) is None]
        if given[0] in {"client_secret", "federated_token_file"} and lacking:
            raise ValueError(f"{given[0]} needs {' and '.join(lacking)} beside it")
        if self.storage and self.storage.sas is None and given[0] in {"api_key", "ad_token"}:
            raise ValueError(
                f"storage needs a sas, since its container takes no {given[0]}; or use "
                "another credential"
            )
        return self

    @model_validator(mode="after")
    def _blobs_are_known(self) -> Self:
        if self.storage is not None and self.dated and (self.api_version or "") < BLOBS_SINCE:
            raise ValueError(
                f"storage needs the v1 API, or api_version {BLOBS_SINCE}: version "
                f"{self.api_version} has no batches of blobs"
            )
        return self

    @property
    def dated(self) -> bool:
        """Whether the dated API is spoken."""
        return is_dated(self.api_version)

    @property
    def query(self) -> Mapping[str, str]:
        """What every URL ends with."""
        return {"api-version": self.api_version} if self.api_version else {}

    @property
    def token_scope(self) -> str:
        """What tokens for the resource are asked for."""
        if self.scope is not None:
            return self.scope
        cloud = cloud_of(self.base_url)
        if cloud is None:
            return "https://cognitiveservices.azure.com/.default"
        return cloud.scope if self.dated else cloud.v1_scope

    @property
    def token_authority(self) -> str:
        cloud = cloud_of(self.base_url)
        return self.authority or (cloud.authority if cloud else "https://login.microsoftonline.com")

    @property
    def most_bytes(self) -> int:
        return self.max_bytes or (1_000_000_000 if self.storage else 200_000_000)

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
        """The account that the variables describe, if they have an endpoint and a credential."""
        found = found_in(environ)
        return cls(**found) if found else None  # type: ignore[arg-type]
