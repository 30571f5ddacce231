"""Where tokens come from: Entra's endpoint, and those of managed identities."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchyard.emulators import Clock

__all__ = ["OPENAI_AUDIENCES", "STORAGE_AUDIENCE", "Tokens"]

OPENAI_AUDIENCES = frozenset({"https://cognitiveservices.azure.com", "https://ai.azure.com"})
STORAGE_AUDIENCE = "https://storage.azure.com"

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MOST_FORM = 128 * 1024


@dataclass(frozen=True, slots=True)
class Issued:
    audience: str
    expires_at: float


class Tokens:
    """Tokens that were given out, and the endpoints that give them.

    `clients` are applications with their secrets; `assertions` what a federated token may be.
    """

    def __init__(
        self,
        clock: Clock,
        clients: Mapping[str, str],
        assertions: frozenset[str],
        lifetime: int,
    ) -> None:
        self._clock = clock
        self._clients = clients
        self._assertions = assertions
        self._lifetime = lifetime
        self._issued: dict[str, Issued] = {}
        self._lock = threading.Lock()
        self.identity_header = secrets.token_hex(16)

    def issue(self, audience: str) -> str:
        """A new token for the audience."""
        token = f"eyJ{secrets.token_urlsafe(48)}"
        with self._lock:
            self._issued[token] = Issued(audience, self._clock.now() + self._lifetime)
        return token

    def revoke_all(self) -> None:
        """No token that was given out is good any more."""
        with self._lock:
            self._issued.clear()

    def audience(self, token: str) -> str | None:
        """What the token is for; None for one that was not given out, or has ended."""
        found = self._issued.get(token)
        if found is None or found.expires_at <= self._clock.now():
            return None
        return found.audience

    def routes(self) -> list[Route]:
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._exchange, methods=["POST"]),
            Route("/metadata/identity/oauth2/token", self._of_machine, methods=["GET"]),
            Route("/msi/token", self._of_app, methods=["GET"]),
        ]

    async def _exchange(self, request: Request) -> Response:
        form = await _form(request)
        scope = form.get("scope", "")
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", 70003, "The grant type is not supported.")
        if not scope.endswith("/.default") or not scope.startswith("https://"):
            return _refused("invalid_scope", 70011, f"The provided value for scope {scope} is bad.")
        if not self._proves(form):
            return _refused(
                "invalid_client", 7000215, "Invalid client secret provided.", status=401
            )
        token = self.issue(scope.removesuffix("/.default"))
        document = {
            "token_type": "Bearer",
            "expires_in": self._lifetime,
            "ext_expires_in": self._lifetime,
            "access_token": token,
        }
        return JSONResponse(document, headers={"cache-control": "no-store"})

    def _proves(self, form: Mapping[str, str]) -> bool:
        client = form.get("client_id", "")
        if "client_assertion" in form:
            known = form["client_assertion"] in self._assertions
            return (
                client in self._clients
                and form.get("client_assertion_type") == _ASSERTION
                and known
            )
        return client in self._clients and form.get("client_secret") == self._clients[client]

    async def _of_machine(self, request: Request) -> Response:
        """The instance metadata service of a virtual machine."""
        if request.headers.get("metadata", "").lower() != "true":
            document = {"error": "invalid_request", "error_description": "Required metadata header"}
            return JSONResponse(document, 400)
        return self._managed(request)

    async def _of_app(self, request: Request) -> Response:
        """The identity endpoint of App Service, Functions and Container Apps."""
        if request.headers.get("x-identity-header") != self.identity_header:
            return JSONResponse({"statusCode": 401, "message": "Unauthorized"}, 401)
        return self._managed(request)

    def _managed(self, request: Request) -> Response:
        resource = request.query_params.get("resource", "").rstrip("/")
        if not resource:
            document = {"error": "invalid_resource", "error_description": "resource is missing"}
            return JSONResponse(document, 400)
        expires_on = int(self._clock.now()) + self._lifetime
        document = {
            "access_token": self.issue(resource),
            "client_id": request.query_params.get("client_id", ""),
            "expires_on": str(expires_on),
            "expires_in": str(self._lifetime),
            "resource": resource,
            "token_type": "Bearer",
        }
        return JSONResponse(document)


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: _MOST_FORM - len(body)]
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _refused(code: str, number: int, message: str, status: int = 400) -> Response:
    document = {
        "error": code,
        "error_description": f"AADSTS{number}: {message} Trace ID: {secrets.token_hex(8)}",
        "error_codes": [number],
        "timestamp": "2026-11-22 00:00:00Z",
        "trace_id": secrets.token_hex(16),
        "correlation_id": secrets.token_hex(16),
    }
    return JSONResponse(document, status)
