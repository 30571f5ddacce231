"""Who calls, and what is theirs."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

from batchyard.errors import AuthenticationError
from batchyard.gateway._gateway import Gateway
from batchyard.models import Identity

__all__ = ["Caller", "identified"]


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom things are created, and whose are shown: ``owner`` ``None`` shows everybody's.

    ``models`` and ``accounts`` are those that may be used, if not any.
    """

    identity: Identity = field(default_factory=Identity)
    owner: str | None = None
    models: frozenset[str] | None = None
    accounts: frozenset[str] | None = None
    admin: bool = False


async def identified(gateway: Gateway, request: Request) -> Caller:
    """Who the bearer of the request's key is.

    Raises :class:`AuthenticationError`.  Where no key is configured at all, anybody
    who reaches the gateway is its operator: it listens on this machine alone then.
    """
    master = gateway.settings.master_key
    given = _bearer(request)
    if master is None:
        return Caller(admin=True)
    if given is not None and _same(given, master.get_secret_value()):
        return Caller(admin=True)
    raise AuthenticationError(
        "You didn't provide an API key. Send it as `Authorization: Bearer KEY`."
        if given is None
        else "Incorrect API key provided.",
        status=401,
        code="invalid_api_key",
    )


def _bearer(request: Request) -> str | None:
    """The key, as OpenAI's clients send it, or Azure's."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.headers.get("api-key") or None


def _same(given: str, known: str) -> bool:
    """Compared by digests, in a time that tells nothing of them."""
    digests = (hashlib.sha256(one.encode("utf-8", "replace")).digest() for one in (given, known))
    return hmac.compare_digest(*digests)
