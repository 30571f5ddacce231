"""Who calls, and what is theirs."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

from batchyard.config import MASTER_KEY
from batchyard.errors import AuthenticationError, PermissionDeniedError
from batchyard.gateway._edge import note
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._home import from_home
from batchyard.gateway._rates import too_many
from batchyard.ledger.keys import KeyRecord, valid
from batchyard.models import Identity

__all__ = ["Caller", "identified", "master_only"]


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
    key: KeyRecord | None = None


async def identified(gateway: Gateway, request: Request) -> Caller:
    """Who the bearer of the request's key is.

    Raises :class:`AuthenticationError`, and :class:`RateLimitError` for a key that
    asks too often.  Where there is neither a master key nor any other, a program on this
    machine is its operator's: see :func:`.from_home`; all else is refused with a
    :class:`PermissionDeniedError`.
    """
    master = gateway.settings.master_key
    given = _bearer(request)
    if given is not None and master is not None and _same(given, master.get_secret_value()):
        note(request, "caller", "master")
        return Caller(admin=True)
    # where there are no keys at all, nothing needs to be looked up for each request
    keyed = await gateway.keyring.any()
    key = await gateway.keyring.find(given) if keyed and given is not None else None
    if key is not None:
        return _caller(gateway, request, key)
    if master is None and not keyed:
        if not from_home(request):
            raise PermissionDeniedError(
                "Without a key, this gateway answers programs on its own machine alone, at "
                f"localhost, and no web pages: set {MASTER_KEY} where it runs, and send a key.",
                status=403,
                code="master_key_needed",
            )
        return Caller(admin=True)
    raise AuthenticationError(
        "You didn't provide an API key. Send it as `Authorization: Bearer KEY`."
        if given is None
        else "Incorrect API key provided.",
        status=401,
        code="invalid_api_key",
    )


def _caller(gateway: Gateway, request: Request, key: KeyRecord) -> Caller:
    note(request, "caller", key.id)
    now = gateway.ledger.now()
    valid(key, now)
    limit = key.limits.requests_per_minute
    if limit is not None:
        standing, wait = gateway.rates.take(key.id, limit, now)
        note(request, "headers", standing.headers)
        if wait:
            raise too_many(key.name, standing, wait)
    return Caller(
        identity=key.identity,
        owner=key.owner,
        models=None if key.models is None else frozenset(key.models),
        accounts=None if key.accounts is None else frozenset(key.accounts),
        key=key,
    )


def master_only(caller: Caller) -> None:
    """Raise :class:`PermissionDeniedError` for whoever is not the operator."""
    if not caller.admin:
        raise PermissionDeniedError(
            "This needs the master key.", status=403, code="master_key_needed"
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
