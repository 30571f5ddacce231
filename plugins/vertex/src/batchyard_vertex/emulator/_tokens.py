"""Who may call: a service account whose key was made for this process."""

from __future__ import annotations

import importlib
import json
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from batchyard_vertex.emulator._errors import ApiError

__all__ = ["EMAIL", "TokenRefusedError", "Tokens", "key_file"]

EMAIL = "emulator@batchyard-emulator.iam.gserviceaccount.com"
LIFETIME = 3599
SCOPES = ("cloud-platform", "devstorage.read_write")
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PATH = "/token"


class TokenRefusedError(Exception):
    """The token endpoint's refusal (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.document = {"error": error, "error_description": description}


@lru_cache(maxsize=1)
def _pair() -> tuple[str, str]:
    """A private and a public key, thrown away with the process."""
    rsa: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private: bytes = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    public: bytes = key.public_key().public_bytes(
        forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def key_file(url: str, project: str) -> str:
    """The JSON key of the service account, whose tokens come from the emulator at *url*."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "emulator-key-1",
            "private_key": _pair()[0],
            "client_email": EMAIL,
            "client_id": "100000000000000000001",
            "token_uri": f"{url}{_PATH}",
        }
    )


class Tokens:
    """Issues access tokens, and knows those that are good."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def issue(self, form: Mapping[str, str], now: float) -> dict[str, Any]:
        """The answer to a token request; the assertion is verified."""
        if form.get("grant_type") != _GRANT:
            raise TokenRefusedError("unsupported_grant_type", "Invalid grant_type")
        claims = _verified(form.get("assertion", ""))
        if claims is None:
            raise TokenRefusedError("invalid_grant", "Invalid JWT Signature.")
        if not str(claims.get("aud", "")).endswith(_PATH):
            raise TokenRefusedError("invalid_grant", "Invalid JWT: the audience is another.")
        if not _scoped(claims):
            raise TokenRefusedError("invalid_scope", "Invalid OAuth scope or ID token audience.")
        token = f"ya29.emulator-{secrets.token_urlsafe(32)}"
        self._until[token] = now + LIFETIME
        return {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}

    def check(self, authorization: str, now: float) -> None:
        """Refuse a caller who has neither a token nor a self-signed one."""
        token = authorization.removeprefix("Bearer ")
        if self._until.get(token, 0) > now:
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


def _verified(assertion: str) -> dict[str, Any] | None:
    jwt: Any = importlib.import_module("google.auth.jwt")
    errors: Any = importlib.import_module("google.auth.exceptions")
    try:
        claims: dict[str, Any] = jwt.decode(assertion, certs=_pair()[1], clock_skew_in_seconds=60)
    except (ValueError, errors.GoogleAuthError):
        return None
    return claims if claims.get("iss") == EMAIL else None


def _scoped(claims: Mapping[str, Any]) -> bool:
    return any(scope in str(claims.get("scope", "")) for scope in SCOPES)
