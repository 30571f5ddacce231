"""Requests with a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from batchyard.effects import Plan, Request
from batchyard.errors import AuthenticationError
from batchyard.models import Call
from batchyard.steps import Backoff, fetch, json_body, retrying
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._settings import Settings
from batchyard_vertex.auth import Access, Credentials

__all__ = ["Query", "Wire", "url_of"]

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

Query = Mapping[str, str | int | None]

OWN_HEADERS = frozenset(
    {"authorization", "content-length", "content-range", "content-type", "host", "range"}
)
"""Headers that a caller's ``extra_headers`` never replace."""


def url_of(base: str, *parts: str, query: Query | None = None) -> str:
    """*parts* below *base*, each quoted as one segment of the path."""
    path = "".join(f"/{quote(part, safe=':')}" for part in parts)
    pairs = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{base}{path}" + (f"?{urlencode(pairs, quote_via=quote)}" if pairs else "")


@dataclass(frozen=True, slots=True)
class Wire:
    """How one call of an operation speaks to Google."""

    settings: Settings
    credentials: Credentials = field(repr=False)
    call: Call

    @property
    def backoff(self) -> Backoff:
        return Backoff(retries=self.call.max_retries)

    async def request(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """The request, with a token."""
        return self._request(await self.credentials.access(), method, url, body, headers)

    def bare(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Request:
        """The request, for whom the token is no business of."""
        whole = {"accept": "application/json", **(headers or {})}
        return Request(method, url, whole, body, self.call.timeout or self.settings.timeout)

    async def sent(
        self, request: Callable[[], Plan[Request]], send: Callable[[Request], Plan[T]]
    ) -> T:
        """What *send* comes to; once more, with a new token, if the service refused the old one."""
        first = await request()
        try:
            return await send(first)
        except AuthenticationError:
            if not await self.renewed(first):
                raise
        return await send(await request())

    async def renewed(self, refused: Request) -> bool:
        """Whether there is another token than the one that *refused* was sent with."""
        old = refused.headers.get("authorization", "").removeprefix("Bearer ")
        current = await self.credentials.access()
        if current.token == old:
            current = await self.credentials.access(current)
        return current.token != old

    async def get(self, model: type[M], url: str) -> M:
        """GET a *model*, again where that may help."""

        def attempt() -> Plan[M]:
            return self.sent(lambda: self.request("GET", url), self._fetch(model))

        return await retrying(attempt, self.backoff)

    async def ask(self, model: type[M], url: str, body: Mapping[str, Any]) -> M:
        """POST a question, which may be asked again."""
        return await retrying(lambda: self.post(model, url, body), self.backoff)

    async def post(self, model: type[M], url: str, body: Mapping[str, Any]) -> M:
        """POST, once."""
        content = json_body(body)
        headers = {"content-type": "application/json"}
        return await self.sent(
            lambda: self.request("POST", url, content, headers), self._fetch(model)
        )

    def _fetch(self, model: type[M]) -> Callable[[Request], Plan[M]]:
        return lambda request: fetch(model, request, google_refusal)

    def _request(
        self, access: Access, method: str, url: str, body: bytes, headers: Mapping[str, str] | None
    ) -> Request:
        extra = {
            name.lower(): value
            for name, value in self.call.extra_headers.items()
            if name.lower() not in OWN_HEADERS
        }
        quota = self.settings.quota_project or access.quota_project
        whole = {
            "accept": "application/json",
            **extra,
            **(headers or {}),
            **({"x-goog-user-project": quota} if quota else {}),
            "authorization": f"Bearer {access.token}",
        }
        usual = self.settings.create_timeout if method == "POST" else self.settings.timeout
        return Request(method, url, whole, body, self.call.timeout or usual)
