"""Who may call: access tokens, and whom they are given to."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Mapping
from typing import Any

from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._key_files import EMAIL, POOL, SUBJECT, USER, public_key

__all__ = ["TokenRefusedError", "Tokens"]

LIFETIME = 3599
SCOPES = ("cloud-platform", "devstorage.read_write", "devstorage.full_control")
_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type of token
_PATH = "/token"


class TokenRefusedError(Exception):
    """The token endpoint's refusal (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.document = {"error": error, "error_description": description}


class Tokens:
    """Issues access tokens, and knows those that are good."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._narrow: set[str] = set()

    def issue(self, form: Mapping[str, str], now: float) -> dict[str, Any]:
        """The answer to a token request; an assertion is verified."""
        grant = form.get("grant_type")
        narrow = False
        if grant == _ASSERTION:
            narrow = _check_assertion(form.get("assertion", ""))
        elif grant == "refresh_token":
            _check_user(form)
        else:
            raise TokenRefusedError("unsupported_grant_type", "Invalid grant_type")
        return self._answer(self.make(now, narrow=narrow))

    def exchange(self, form: Mapping[str, str], now: float) -> dict[str, Any]:
        """The answer of the Security Token Service to a workload's own token (RFC 8693)."""
        if form.get("grant_type") != _EXCHANGE:
            raise TokenRefusedError("unsupported_grant_type", "Invalid grant_type")
        if not form.get("audience", "").startswith(POOL):
            raise TokenRefusedError("invalid_target", "The target service is invalid.")
        if form.get("requested_token_type") != _ACCESS_TOKEN or not (
            _scoped(form) or _narrow(form)
        ):
            raise TokenRefusedError("invalid_request", "Invalid requested_token_type or scope.")
        if form.get("subject_token") != SUBJECT:
            raise TokenRefusedError("invalid_grant", "The subject token is not a good one.")
        token = self.make(now, narrow=True)
        return {**self._answer(token), "issued_token_type": _ACCESS_TOKEN}

    def make(self, now: float, *, narrow: bool = False) -> str:
        """A *narrow* one is good for impersonation, and for nothing that an account does."""
        token = f"ya29.emulator-{secrets.token_urlsafe(32)}"
        self._until[token] = now + LIFETIME
        if narrow:
            self._narrow.add(token)
        return token

    def _answer(self, token: str) -> dict[str, Any]:
        return {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}

    def check(self, authorization: str, now: float, *, impersonating: bool = False) -> None:
        """Refuse a caller who has neither a token nor a self-signed one."""
        token = authorization.removeprefix("Bearer ")
        if self._until.get(token, 0) > now and (impersonating or token not in self._narrow):
            return
        claims = _verified(token) if token.count(".") == 2 else None
        if claims is not None and _scoped(claims):
            return
        message = (
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
            "cookie or other valid authentication credential."
        )
        raise ApiError(401, message)

    def revoke_all(self) -> None:
        """From now on every token so far is refused."""
        self._until.clear()


def _check_assertion(assertion: str) -> bool:
    """Whether the token is for impersonation alone."""
    claims = _verified(assertion)
    if claims is None:
        raise TokenRefusedError("invalid_grant", "Invalid JWT Signature.")
    if not str(claims.get("aud", "")).endswith(_PATH):
        raise TokenRefusedError("invalid_grant", "Invalid JWT: the audience is another.")
    if not (_scoped(claims) or _narrow(claims)):
        raise TokenRefusedError("invalid_scope", "Invalid OAuth scope or ID token audience.")
    return not _scoped(claims)


def _check_user(form: Mapping[str, str]) -> None:
    if any(form.get(name) != USER[name] for name in ("client_id", "client_secret")):
        raise TokenRefusedError("invalid_client", "The OAuth client was not found.")
    if form.get("refresh_token") != USER["refresh_token"]:
        raise TokenRefusedError("invalid_grant", "Token has been expired or revoked.")


def _verified(assertion: str) -> dict[str, Any] | None:
    jwt: Any = importlib.import_module("google.auth.jwt")
    errors: Any = importlib.import_module("google.auth.exceptions")
    try:
        claims: dict[str, Any] = jwt.decode(assertion, certs=public_key(), clock_skew_in_seconds=60)
    except (ValueError, errors.GoogleAuthError):
        return None
    return claims if claims.get("iss") == EMAIL else None


def _scoped(claims: Mapping[str, Any]) -> bool:
    return any(scope in str(claims.get("scope", "")) for scope in SCOPES)


def _narrow(claims: Mapping[str, Any]) -> bool:
    return str(claims.get("scope", "")).endswith("/auth/iam")
