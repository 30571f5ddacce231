"""Access tokens, by google-auth, whose requests go over the driver."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from batchyard.effects import Blocking, Expiring, Plan, Reply, Request, Shared
from batchyard.errors import BatchyardError, MalformedReplyError
from batchyard.steps import Backoff, call, retrying
from batchyard_vertex._settings import Settings
from batchyard_vertex.auth._loading import default_path, google, information, loaded, unusable
from batchyard_vertex.auth._machine import machine_token
from batchyard_vertex.auth._refusals import token_refusal
from batchyard_vertex.auth._transport import Transport, WantedError

__all__ = ["Access", "Credentials"]

GOOGLES = "https://oauth2.googleapis.com/token"

EARLY = 225.0
"""Seconds before its end that a token is no longer used, as in google-auth."""

MOST = 16
"""Requests that getting one token may take."""


@dataclass(frozen=True, slots=True)
class Access:
    """A token, and the project that the credentials have their quota from, if they say."""

    token: str = field(repr=False)
    quota_project: str | None = None


class Credentials:
    """The account's token, shared by all its plans."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.credentials
        self._secret = secret.get_secret_value() if secret else None
        parts = (
            self._secret or "",
            settings.token_url or "",
            str(settings.self_signed_jwt),
            settings.universe_domain,
        )
        digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
        self._key = f"google-token-{digest[:32]}"

    def access(self, stale: Access | None = None) -> Shared[Access]:
        """A token, made once for all who ask; *stale* is one that the service refused."""
        return Shared(self._key, self._make, stale)

    async def _make(self) -> Expiring[Access]:
        secret = self._secret or await Blocking(default_path)
        if secret is None:
            own = await machine_token()
            return Expiring(Access(own.access_token), _usable_for(own.expires_in))
        received: list[Reply] = []
        while len(received) < MOST:
            outcome = await Blocking(partial(self._attempt, secret, tuple(received)))
            if isinstance(outcome, Expiring):
                return outcome
            received.append(await _reply_to(outcome))
        raise MalformedReplyError("google-auth does not come to an end of its requests")

    def _attempt(self, secret: str, received: tuple[Reply, ...]) -> Request | Expiring[Access]:
        """A token made of the replies, or the request whose reply is lacking."""
        transport = Transport(received)
        info = information(secret)
        try:
            credentials = loaded(info, self._settings, transport)
            try:
                credentials.refresh(transport)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise _no_token() from None
        except WantedError as wanted:
            return self._redirected(wanted.request, info)
        except google("exceptions").GoogleAuthError as error:
            if isinstance(error, google("exceptions").RefreshError):
                raise _no_token() from None
            # without its text, which may quote the credentials
            raise unusable(type(error).__name__) from None
        return _expiring(credentials)

    def _redirected(self, request: Request, info: Mapping[str, Any]) -> Request:
        """To where the account or its key says: google-auth knows some of Google's own only."""
        url = self._settings.token_url
        if url and request.url == GOOGLES:
            return replace(request, url=url)
        named = info.get("service_account_impersonation_url")
        if isinstance(named, str) and urlsplit(named).path == urlsplit(request.url).path:
            return replace(request, url=named)
        return request


async def _reply_to(request: Request) -> Reply:
    def attempt() -> Plan[Reply]:
        return call(request, token_refusal)

    return await retrying(attempt, Backoff())


def _usable_for(lifetime: float) -> float:
    return max(lifetime - EARLY, lifetime / 2)


def _expiring(credentials: Any) -> Expiring[Access]:
    token, expiry = credentials.token, credentials.expiry
    if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
        raise _no_token()
    quota = getattr(credentials, "quota_project_id", None)
    access = Access(token, quota if isinstance(quota, str) and quota.isprintable() else None)
    if expiry is None:
        return Expiring(access, 300.0)
    # google-auth goes by the machine's clock, so its times are taken by that
    lifetime = (expiry - datetime.now(UTC).replace(tzinfo=None)).total_seconds()
    return Expiring(access, _usable_for(lifetime))


def _no_token() -> BatchyardError:
    return MalformedReplyError("the reply to the request for a token has no usable token")
