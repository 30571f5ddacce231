"""What an account of Anthropic is made of."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["Lossy", "Settings", "Thinking"]

Lossy = Literal["error", "warn", "drop"]
Thinking = Literal["auto", "adaptive", "budget"]

URL = "https://api.anthropic.com"
CREDENTIALS = ("api_key", "auth_token")
"""Settings of which an account has exactly one."""

VARIABLES = {
    "api_key": "ANTHROPIC_API_KEY",
    "auth_token": "ANTHROPIC_AUTH_TOKEN",
    "base_url": "ANTHROPIC_BASE_URL",
    "folder": "BATCHYARD_ANTHROPIC_FOLDER",
}

MEGABYTE = 1_000_000


def default_folder(environ: Mapping[str, str]) -> Path | None:
    """A folder of the user's data (XDG Base Directory Specification), if there is a home."""
    given, home = environ.get("XDG_DATA_HOME"), environ.get("HOME") or environ.get("USERPROFILE")
    # a relative one is to be ignored
    if given and Path(given).is_absolute():
        return Path(given, "batchyard", "anthropic")
    return Path(home, ".local", "share", "batchyard", "anthropic") if home else None


class Settings(BaseModel):
    """Settings of an account, which has exactly one credential.

    Anthropic stores no files.  What is uploaded waits in ``folder``, and what
    batches are made of is written down there: workers that share a ledger need
    not share it, but what is there is found only there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (CREDENTIALS,)

    api_key: SecretStr | None = Field(default=None, description="variable ANTHROPIC_API_KEY")
    auth_token: SecretStr | None = Field(
        default=None, description="a token in place of a key; variable ANTHROPIC_AUTH_TOKEN"
    )
    base_url: str = Field(default=URL, description="variable ANTHROPIC_BASE_URL")
    version: str = Field(default="2023-06-01", description="the header anthropic-version")
    betas: tuple[str, ...] = Field(
        default=(), description="the header anthropic-beta, for all requests of a batch"
    )
    folder: Path | None = Field(
        default_factory=lambda: default_folder(os.environ),
        validate_default=True,
        description="where files wait; variable BATCHYARD_ANTHROPIC_FOLDER",
    )
    keep_days: int = Field(
        default=30, ge=1, description="days after which what is in the folder may go"
    )
    staged_inputs: Literal["keep", "delete"] = Field(
        default="delete",
        description="`delete` has a ledger delete what it uploaded once the batch is settled",
    )
    other_writers: bool = Field(
        default=False,
        description="whether others than Batchyard create batches in the key's workspace: a "
        "create whose reply was lost is then never taken to be a batch that is there",
    )
    lossy: Lossy = Field(
        default="error",
        description="what Claude has no word for, where the answer may differ for it: error "
        "refuses the file; warn and drop leave it out, and warn logs so",
    )
    max_tokens: int = Field(
        default=4096, ge=1, description="for requests that do not say how long answers may be"
    )
    thinking: Thinking = Field(
        default="auto",
        description="what reasoning_effort becomes: adaptive thinking with an effort, or a budget "
        "of tokens; auto goes by the model",
    )
    timeout: float = Field(default=600.0, gt=0, description="seconds without progress")
    create_timeout: float = Field(default=60.0, gt=0, description="seconds a create may take")
    max_lines: int = Field(default=100_000, gt=0, description="requests in one batch")
    max_bytes: int = Field(
        default=256 * MEGABYTE, gt=0, description="bytes of the request that creates a batch"
    )

    @field_validator(*CREDENTIALS)
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        text = secret.get_secret_value().strip()
        if not (text and text.isascii() and text.isprintable()):
            raise ValueError("it is empty, or has characters that none has")
        return SecretStr(text)

    @field_validator("base_url")
    @classmethod
    def _root(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            raise ValueError(f"it is a URL such as {URL}")
        # as the official SDK has it, the URL ends before /v1
        return url.rstrip("/").removesuffix("/v1")

    @field_validator("version", "betas")
    @classmethod
    def _header(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        words = (value,) if isinstance(value, str) else value
        if not all(re.fullmatch(r"[\w.-]+", word) for word in words):
            raise ValueError("letters, digits, - and . are what it is made of")
        return value

    @field_validator("folder")
    @classmethod
    def _there(cls, folder: Path | None) -> Path | None:
        if folder is None:
            raise ValueError("name a folder in which files may wait: there is no home folder")
        return folder.expanduser()

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [name for name in CREDENTIALS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of api_key (ANTHROPIC_API_KEY) and auth_token")
        return self

    @property
    def place(self) -> Path:
        """The folder, which a checked account has."""
        return self.folder or Path()

    @property
    def headers(self) -> dict[str, str]:
        """What goes along with every request."""
        headers = {"anthropic-version": self.version}
        if self.api_key is not None:
            headers["x-api-key"] = self.api_key.get_secret_value()
        if self.auth_token is not None:
            headers["authorization"] = f"Bearer {self.auth_token.get_secret_value()}"
        if self.betas:
            headers["anthropic-beta"] = ",".join(self.betas)
        return headers

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings | None:
        """By the variables of the official SDK; its key stands above its token."""
        given = {name: environ[one] for name, one in VARIABLES.items() if environ.get(one)}
        if "api_key" in given:
            given.pop("auth_token", None)
        elif "auth_token" not in given:
            return None
        folder = default_folder(environ)
        if folder is not None:
            given.setdefault("folder", str(folder))
        return cls.model_validate(given)
