"""Services that speak OpenAI's API, as data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["OPENAI", "Host", "hosts", "named"]

OPENAI = "openai"

FILE = "hosts.toml"


class Host(BaseModel):
    """A service that speaks OpenAI's files and batches API, and in what it does it its own way.

    Those that ship with this package are in ``hosts.toml``, but for OpenAI itself;
    a configuration may have its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(description="what it is called in messages")
    base_url: str = Field(description="up to and with the version")
    key: str | None = Field(default=None, description="the variable that has the API key")
    url: str | None = Field(default=None, description="the variable that has another base URL")
    url_path: str = Field(
        default="", description="what the URL in that variable may lack at its end, such as /v1"
    )
    endpoints: tuple[str, ...] | None = Field(
        default=None, description="what can be batched; any, where nobody says"
    )
    windows: tuple[str, ...] = Field(default=("24h",), description="completion windows")
    max_lines: int | None = Field(default=None, gt=0, description="requests in one file")
    max_bytes: int | None = Field(default=None, gt=0, description="bytes in one file")
    max_line_bytes: int | None = Field(default=None, gt=0, description="bytes in one line")
    max_id: int | None = Field(default=None, gt=0, description="characters in a custom_id")
    discount: Decimal | None = Field(
        default=None, ge=0, lt=1, description="taken off the list price of every batch"
    )
    prices: str | None = Field(default=None, description="what price sources call it")
    upload_path: str = Field(default="files", description="where files are posted")
    upload_purpose: str = Field(default="batch", description="the purpose of a batch's input")
    upload_name: str | None = Field(
        default=None, description="a field of the form that has the file's name once more"
    )
    bare_lines: bool = Field(default=False, description="lines have neither method nor url")
    wrapped: str | None = Field(
        default=None, description="the field in which a created batch is found"
    )
    keeps_metadata: bool = Field(default=True, description="batches have metadata")
    takes_expiry: bool = Field(default=True, description="files can be told when to expire")
    idempotent: bool = Field(
        default=False, description="a create with a known Idempotency-Key makes nothing new"
    )
    protocol: str | None = Field(
        default=None, description="what its batches are instead; it cannot be chosen then"
    )

    like: str | None = Field(
        default=None, description="a host that ships with this, whose fields count besides"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_what_it_is_like(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        below: Mapping[str, Any] = {"title": fields.get("base_url")}
        if fields.get("like") is not None:
            below = named(str(fields["like"])).model_dump(exclude_unset=True)
        return {**below, **fields}

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("a base URL begins with https://")
        return url.rstrip("/")

    def rooted(self, url: str) -> str:
        """The base URL of *url*, the value of the variable, as the service's own SDK reads it."""
        url = url.rstrip("/")
        return url if url.endswith(self.url_path) else url + self.url_path


ITSELF = Host(
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    key="OPENAI_API_KEY",
    url="OPENAI_BASE_URL",
    endpoints=(
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/completions",
        "/v1/moderations",
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/videos",
    ),
    max_lines=50_000,
    max_bytes=200_000_000,
    discount=Decimal("0.5"),
    prices=OPENAI,
)
"""Not in the file, which is read for the others only: most clients speak to none of them."""


@cache
def hosts() -> Mapping[str, Host]:
    """Those that ship with this package, by name."""
    import tomllib  # noqa: PLC0415 - see ITSELF

    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    others = tomllib.loads(text, parse_float=Decimal)
    return {
        OPENAI: ITSELF,
        **{name: Host(**{"prices": name, **fields}) for name, fields in others.items()},
    }


def named(name: str) -> Host:
    """The host of that name.  Raises :class:`ValueError` for one that cannot be chosen."""
    if name.strip().lower() == OPENAI:
        return ITSELF
    found = hosts().get(name.strip().lower())
    usable = ", ".join(sorted(name for name, one in hosts().items() if one.protocol is None))
    if found is None:
        raise ValueError(
            f"there is no host {name!r}; known are {usable}. Give a table with base_url and key "
            "for another one"
        )
    if found.protocol is not None:
        raise ValueError(
            f"{found.title} has a protocol of its own: {found.protocol}. No settings can say that; "
            f"it needs a provider (batchyard plugins new {name} --kind provider). Known here are "
            f"{usable}"
        )
    return found
