"""Access tokens, by google-auth, whose requests go over the driver.

google-auth asks for HTTP by a function that blocks until the reply is there.
Here that function has the replies that came so far, and ends the attempt when
it is asked for one more: the plan then sends that request and starts anew.  So
every kind of credential works (keys, users, federation, impersonation), and all
their requests are seen, timed and faulted like any other.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from batchyard.effects import Blocking, Expiring, Plan, Reply, Request, Shared
from batchyard.errors import APIConnectionError, BatchyardError, ConfigError, MalformedReplyError
from batchyard.steps import Backoff, call, fetch, retrying
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._settings import Settings

__all__ = ["Credentials"]

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

GOOGLES = "https://oauth2.googleapis.com/token"

EARLY = 225.0
"""Seconds before its end that a token is no longer used, as in google-auth."""

MOST = 16
"""Requests that getting one token may take."""

Received = Sequence[Reply]


class Credentials:
    """The account's token, shared by all its plans."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.credentials
        self._secret = secret.get_secret_value() if secret else None
        parts = (self._secret or "", settings.token_url or "", str(settings.self_signed_jwt))
        digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
        self._key = f"google-token-{digest[:32]}"

    def token(self, stale: str | None = None) -> Shared[str]:
        """An access token; *stale* is one that the service refused."""
        return Shared(self._key, self._make, stale)

    async def _make(self) -> Expiring[str]:
        secret = self._secret or await Blocking(_default_path)
        if secret is None:
            return await _own_token()
        received: list[Reply] = []
        while len(received) < MOST:
            outcome = await Blocking(partial(self._attempt, secret, tuple(received)))
            if isinstance(outcome, Expiring):
                return outcome
            received.append(await _reply_to(outcome))
        raise MalformedReplyError("google-auth does not come to an end of its requests")

    def _attempt(self, secret: str, received: Received) -> Request | Expiring[str]:
        """A token made of the replies, or the request whose reply is lacking."""
        transport = _Transport(received)
        try:
            credentials = self._load(secret, transport)
            try:
                credentials.refresh(transport)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise _no_token() from None
        except _Wanted as wanted:
            return self._redirected(wanted.request)
        except _google("exceptions").GoogleAuthError as error:
            if isinstance(error, _google("exceptions").RefreshError):
                raise _no_token() from None
            # without its text, which may quote the credentials
            raise _unusable(type(error).__name__) from None
        return _expiring(credentials)

    def _redirected(self, request: Request) -> Request:
        """To the account's own endpoint: of users, google-auth knows none but Google's."""
        url = self._settings.token_url
        return replace(request, url=url) if url and request.url == GOOGLES else request

    def _load(self, secret: str, transport: _Transport) -> Any:
        info = self._information(secret)
        try:
            loaded = _loaded(info, transport)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _unusable("something in it is missing or damaged") from None
        if self._settings.self_signed_jwt and info.get("type") == "service_account":
            loaded = loaded.with_always_use_jwt_access(True)
        return loaded

    def _information(self, secret: str) -> dict[str, Any]:
        try:
            text = secret if secret.lstrip().startswith("{") else Path(secret).read_text("utf-8")
            info = json.loads(text)
        except OSError as error:
            raise _unusable(error.strerror or type(error).__name__) from None
        except (ValueError, RecursionError):
            raise _unusable("not JSON") from None
        if not isinstance(info, dict):
            raise _unusable("not a JSON object")
        url = self._settings.token_url
        return {**info, "token_uri": url} if url else info


def _default_path() -> str | None:
    """Where the environment, or else gcloud, has the default credentials, if anywhere."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return named
    path: str = _google("_cloud_sdk").get_application_default_credentials_path()
    return path if Path(path).is_file() else None


def _loaded(info: dict[str, Any], transport: _Transport) -> Any:
    """The credentials that a JSON key describes, by their type."""
    if info.get("type") == "external_account":
        # google-auth's own loader asks for the project too, which is not ours to know
        return _federated(info).Credentials.from_info(info, scopes=[SCOPE])
    with warnings.catch_warnings():
        # it warns of credentials from strangers; these are the account's own
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded, _ = _google("").load_credentials_from_dict(info, scopes=[SCOPE], request=transport)
    return loaded


def _federated(info: Mapping[str, Any]) -> Any:
    if str(info.get("subject_token_type", "")).endswith(":aws4_request"):
        return _google("aws")
    source = info.get("credential_source")
    runs = isinstance(source, Mapping) and "executable" in source
    return _google("pluggable" if runs else "identity_pool")


class _Wanted(BaseException):
    """A request to send.  Not an Exception: google-auth must not take it for a failure."""

    def __init__(self, request: Request) -> None:
        super().__init__("a request is to be sent")
        self.request = request


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reply as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport:
    """google-auth's way to HTTP."""

    def __init__(self, received: Received) -> None:
        self._received = iter(received)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Answer:
        reply = next(self._received, None)
        if reply is None:
            content = body.encode() if isinstance(body, str) else body or b""
            raise _Wanted(Request(method, url, dict(headers or {}), content, timeout))
        return _Answer(reply.status, reply.headers, reply.body)


async def _reply_to(request: Request) -> Reply:
    def attempt() -> Plan[Reply]:
        return call(request, google_refusal)

    return await retrying(attempt, Backoff())


class _Token(BaseModel):
    access_token: str
    expires_in: float


async def _own_token() -> Expiring[str]:
    """A token of the machine's own service account.  google-auth's way needs ``requests``."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = Request("GET", f"{url}?scopes={SCOPE}", {"metadata-flavor": "Google"}, timeout=5.0)
    try:
        token = await fetch(_Token, request, google_refusal)
    except APIConnectionError:
        # off Google's machines nobody answers there
        raise _unusable("there are none, neither given nor this machine's own") from None
    return Expiring(token.access_token, _usable_for(token.expires_in))


def _usable_for(lifetime: float) -> float:
    return max(lifetime - EARLY, lifetime / 2)


def _expiring(credentials: Any) -> Expiring[str]:
    token, expiry = credentials.token, credentials.expiry
    if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
        raise _no_token()
    if expiry is None:
        return Expiring(token, 300.0)
    lifetime = (expiry - datetime.now(UTC).replace(tzinfo=None)).total_seconds()
    return Expiring(token, _usable_for(lifetime))


def _google(module: str) -> Any:
    """google-auth, whose signatures have no types, imported when a token is needed."""
    return importlib.import_module(f"google.auth.{module}" if module else "google.auth")


def _no_token() -> BatchyardError:
    return MalformedReplyError("the reply to the request for a token has no usable token")


def _unusable(why: str) -> ConfigError:
    return ConfigError(
        f"the Google credentials cannot be used: {why}; set credentials to the path or content of "
        "a key, or run `gcloud auth application-default login`",
        param="credentials",
    )
