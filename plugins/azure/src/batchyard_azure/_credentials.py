"""What identifies the account: one key or one token, never both.

Tokens are shared by all plans of an account, made once however many ask, and made
anew some minutes before their end (Microsoft identity platform, client credentials
flow and federated credentials).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel, Field

from batchyard.effects import Blocking, Expiring, Now, Plan, Reply, Request, Shared, Stream
from batchyard.errors import (
    APIStatusError,
    AuthenticationError,
    ConfigError,
    MalformedReplyError,
    status_error,
)
from batchyard.steps import Backoff, failure_details, fetch, refusal, retrying
from batchyard_azure._identity import identity_token
from batchyard_azure._settings import Settings

__all__ = ["STORAGE_SCOPE", "Credentials"]

STORAGE_SCOPE = "https://storage.azure.com/.default"

EARLY = 300.0
"""Seconds before its end that a token is no longer used, as in azure-identity."""

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

MOST_ASSERTION = 64 * 1024
"""Bytes that a federated token may have."""


class _Token(BaseModel):
    access_token: str = Field(min_length=1)
    expires_in: float = 3600.0


class Credentials:
    """The account's credential, for requests to one audience: the resource, or its storage."""

    def __init__(self, settings: Settings, scope: str) -> None:
        self._settings = settings
        self._scope = scope
        self._key = _digest(settings, scope)

    @property
    def renews(self) -> bool:
        """Whether there is a new token to be had in place of one that was refused."""
        return self._settings.api_key is None and self._settings.ad_token is None

    async def headers(self) -> Mapping[str, str]:
        """What goes on a request."""
        if self._settings.api_key is not None:
            return {"api-key": self._settings.api_key.get_secret_value()}
        return {"authorization": f"Bearer {await self._token()}"}

    async def renewed(self, headers: Mapping[str, str]) -> bool:
        """Whether there is another token by now than the one in *headers*, which was refused."""
        if not self.renews:
            return False
        old = headers.get("authorization", "").removeprefix("Bearer ")
        token: str = await Shared(self._key, self._make, old)
        return token != old

    async def streamed(self, content: Callable[[], Stream[bytes]]) -> Stream[bytes]:
        """The pieces of *content*; begun once more, with a new token, if its own was refused.

        Not when a piece of it has been passed on already.
        """
        used = await self.headers() if self.renews else {}
        begun = False
        try:
            async with aclosing(content()) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
        except AuthenticationError:
            if begun or not await self.renewed(used):
                raise
        else:
            return
        async with aclosing(content()) as pieces:
            async for piece in pieces:
                yield piece

    async def _token(self) -> str:
        if self._settings.ad_token is not None:
            return self._settings.ad_token.get_secret_value()
        token: str = await Shared(self._key, self._make)
        return token

    async def _make(self) -> Expiring[str]:
        settings = self._settings
        if settings.identity is not None:
            return await self._of_identity()
        if settings.client_secret is not None:
            secret = settings.client_secret.get_secret_value()
            token = await self._granted({"client_secret": secret})
        else:
            assertion = await Blocking(partial(_assertion, settings.federated_token_file or Path()))
            token = await self._granted(
                {"client_assertion_type": ASSERTION, "client_assertion": assertion}
            )
        return _usable(token.access_token, token.expires_in)

    async def _of_identity(self) -> Expiring[str]:
        found: tuple[str, float] = await Blocking(identity_token(self._settings, self._scope))
        return _usable(found[0], found[1] - await Now())

    async def _granted(self, proof: Mapping[str, str]) -> _Token:
        """A token of the client credentials flow."""
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id or "",
            "scope": self._scope,
            **proof,
        }
        tenant = quote(settings.tenant_id or "", safe="")
        url = f"{settings.token_authority}/{tenant}/oauth2/v2.0/token"
        request = Request(
            "POST",
            url,
            {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
            urlencode(form).encode(),
            60.0,
        )

        def attempt() -> Plan[_Token]:
            return fetch(_Token, request, partial(_refused, secrets=tuple(proof.values())))

        return await retrying(attempt, Backoff())


def _digest(settings: Settings, scope: str) -> str:
    """What names the credential, without holding it."""
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    file = str(settings.federated_token_file or "")
    parts = (
        settings.tenant_id or "",
        settings.client_id or "",
        secret,
        file,
        settings.identity or "",
        settings.token_authority,
        scope,
    )
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
    return f"entra-token-{digest[:32]}"


def _assertion(path: Path) -> str:
    """The federated token, read anew each time: it is replaced while it is valid."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_ASSERTION).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no token"
        raise ConfigError(
            f"the federated token file cannot be read: {why}", param="federated_token_file"
        ) from None
    if not text:
        raise ConfigError("the federated token file is empty", param="federated_token_file")
    return text


def _usable(token: str, lifetime: float) -> Expiring[str]:
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise MalformedReplyError("the reply to the request for a token has no usable token")
    return Expiring(token, max(lifetime - EARLY, lifetime / 2, 0.0))


def _refused(reply: Reply, request: Request, *, secrets: tuple[str, ...]) -> APIStatusError:
    """Entra's refusals, which are ``error`` and ``error_description`` (OAuth 2.0, 5.2)."""
    said = _described(reply.body)
    if said is None:
        return refusal(reply, request)
    code, message = said
    for secret in secrets:
        message = message.replace(secret, "***")
    text = f"no token was given: {message}"
    if reply.status in {400, 401}:
        return AuthenticationError(text, status=reply.status, code=code)
    details = failure_details(reply)
    details["code"] = code
    return status_error(text, **details)


def _described(body: bytes) -> tuple[str, str] | None:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    code, text = document.get("error"), document.get("error_description")
    if not isinstance(code, str) or not isinstance(text, str):
        return None
    # the lines below the first are ids of the exchange, and its time
    return code[:100], text.splitlines()[0][:500] if text else code[:100]
