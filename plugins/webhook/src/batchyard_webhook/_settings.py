"""What is configured."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self, TypeAlias

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from batchyard.hookspecs import ListenerSpec
from batchyard_webhook._signing import decoded

__all__ = ["Endpoint", "Format", "WebhookSettings"]

Format: TypeAlias = Literal["standard", "cloudevents", "plain", "slack", "teams"]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = frozenset(
    {
        *("content-length", "content-type", "host", "transfer-encoding", "connection"),
        # a second one of these, and who verifies cannot know which counts
        *("webhook-id", "webhook-signature", "webhook-timestamp"),
    }
)


def _usable(url: SecretStr) -> SecretStr:
    try:
        found = httpx.URL(url.get_secret_value())
    except httpx.InvalidURL:
        raise ValueError("it is no URL") from None
    if found.scheme not in {"http", "https"} or not found.host:
        raise ValueError("it must be https://…")
    if found.userinfo:
        raise ValueError("a user and a password belong into a header: Authorization")
    return url


def _signs(secret: SecretStr) -> SecretStr:
    decoded(secret.get_secret_value())
    return secret


Url: TypeAlias = Annotated[SecretStr, AfterValidator(_usable)]
Secret: TypeAlias = Annotated[SecretStr, AfterValidator(_signs)]


class Endpoint(BaseModel):
    """One receiver.  A URL may be a secret, as Slack's is, and is treated as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url = Field(description="where it is sent, https://…")
    format: Format = Field(
        default="standard",
        description="the form: standard, cloudevents, plain, slack or teams",
    )
    secret: Secret | None = Field(
        default=None, description="whsec_…, by which what is sent is signed"
    )
    old_secret: Secret | None = Field(
        default=None, description="the one before, which signs too until receivers know the new one"
    )
    events: tuple[str, ...] = Field(
        default=(),
        description="hooks of the events that it gets of those of the sink; slack and teams get "
        "ends and stalls unless they are named, the others all",
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="headers that are sent too"
    )

    @field_validator("events")
    @classmethod
    def _are_events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name.startswith("_") or not hasattr(ListenerSpec, name):
                raise ValueError(f"there is no event {name[:40]!r}")
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, one in value.items():
            if not TOKEN.fullmatch(name) or name.lower() in OURS:
                raise ValueError(f"{name[:40]!r} cannot be set")
            text = one.get_secret_value()
            if not text.isascii() or any(ord(letter) < 32 and letter != "\t" for letter in text):
                raise ValueError(f"{name} has letters that no header may have")
        return value

    @property
    def host(self) -> str:
        """What of the URL may be told in errors."""
        return httpx.URL(self.url.get_secret_value()).host

    @property
    def secure(self) -> bool:
        return httpx.URL(self.url.get_secret_value()).scheme == "https"

    @property
    def keys(self) -> tuple[bytes, ...]:
        secrets = (self.secret, self.old_secret)
        return tuple(decoded(one.get_secret_value()) for one in secrets if one is not None)


class WebhookSettings(Endpoint):
    """One endpoint, or several in ``endpoints``."""

    url: Url | None = Field(  # type: ignore[assignment]  # there may be endpoints in its place
        default=None, description="where it is sent, https://…; or name endpoints"
    )
    endpoints: tuple[Endpoint, ...] = Field(
        default=(), description="several receivers, each a table with the keys above"
    )
    allow: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="private networks that may be sent to: 10.1.0.0/16, 127.0.0.1/32"
    )
    allow_http: bool = Field(default=False, description="whether http:// will do")
    timeout: float = Field(default=8.0, gt=0, le=9.5, description="seconds that an answer may take")
    failures: int = Field(
        default=5, ge=1, description="failures in a row after which a receiver is left alone"
    )
    pause: float = Field(
        default=30.0, gt=0, description="seconds for which it is, doubled with each failure after"
    )

    @model_validator(mode="after")
    def _has_somewhere_to_go(self) -> Self:
        if (self.url is None) == (not self.endpoints):
            raise ValueError("either url or endpoints is needed")
        own = {"format", "secret", "old_secret", "headers"} & self.model_fields_set
        if self.endpoints and own:
            raise ValueError(f"{', '.join(sorted(own))} belong to each of the endpoints")
        for one in self.all_endpoints:
            if not one.secure and not self.allow_http:
                raise ValueError(f"{one.host}: http:// needs allow_http = true")
        return self

    @property
    def all_endpoints(self) -> tuple[Endpoint, ...]:
        if self.url is None:
            # what the sink gets at all is what each gets that names nothing
            return tuple(
                one if one.events else one.model_copy(update={"events": self.events})
                for one in self.endpoints
            )
        fields = {name: getattr(self, name) for name in Endpoint.model_fields}
        return (Endpoint(**fields),)
