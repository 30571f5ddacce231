"""One service that speaks OpenAI's files and batches API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from batchyard.effects import Plan, Reply, Request, Source
from batchyard.errors import InputError
from batchyard.models import Call
from batchyard.steps._calls import Refusal, json_body, parse
from batchyard.steps._calls import call as send
from batchyard.steps._retry import Backoff, retrying
from batchyard.steps.openai_wire._errors import wire_refusal

__all__ = ["Wire"]

M = TypeVar("M", bound=BaseModel)

Query = Mapping[str, str | int | None]

OWN_HEADERS = frozenset(
    {"api-key", "authorization", "content-length", "content-type", "host", "transfer-encoding"}
)
"""Headers that a caller's ``extra_headers`` never replace, and never bring beside our own: a second
credential is refused, or used instead."""


def _as_it_is(made: Any, _reply: Reply) -> Any:
    return made


def _as_it_came(reply: Reply) -> Reply:
    return reply


@dataclass(frozen=True, slots=True)
class Wire:
    """Where the service is and how it is spoken to.

    ``authorise`` is a plan that ends with the headers which identify the
    account; ``query`` goes on every URL.  ``received`` makes what a POST ends with
    of the object and the reply that it came in, whose headers may say more.
    ``plain`` makes of a reply the one that OpenAI would have given, and ``upload``
    is the path that files are posted to.  The timeouts are in seconds.
    """

    base_url: str
    authorise: Callable[[], Plan[Mapping[str, str]]] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    refuse: Refusal = wire_refusal
    received: Callable[[Any, Reply], Any] = _as_it_is
    plain: Callable[[Reply], Reply] = _as_it_came
    upload: tuple[str, ...] = ("files",)
    timeout: float = 600.0
    create_timeout: float = 60.0

    def backoff(self, call: Call) -> Backoff:
        return Backoff(retries=call.max_retries)

    def url(self, *parts: str, query: Query | None = None) -> str:
        """*parts* below the base; each is quoted, so that no id can leave its place in the path.

        Raises :class:`InputError` for a part that quoting does not keep there.
        """
        for part in parts:
            if part in {"", ".", ".."}:
                raise InputError(f"{part!r} is not an id", param="id")
        path = "/".join(quote(part, safe="") for part in parts)
        pairs = {**self.query, **{k: v for k, v in (query or {}).items() if v is not None}}
        return f"{self.base_url.rstrip('/')}/{path}" + (f"?{urlencode(pairs)}" if pairs else "")

    async def request(
        self,
        call: Call,
        method: str,
        url: str,
        body: bytes | Source = b"",
        content_type: str | None = None,
    ) -> Request:
        extra = {
            k.lower(): v for k, v in call.extra_headers.items() if k.lower() not in OWN_HEADERS
        }
        own = {
            "accept": "application/json",
            **({"content-type": content_type} if content_type else {}),
        }
        identity = {k.lower(): v for k, v in (await self.authorise()).items()}
        headers = {**own, **extra, **identity}
        return Request(method, url, headers, body, call.timeout or self.timeout)

    async def fetch(self, model: type[M], request: Request) -> M:
        """The accepted reply to *request*, sent once, as a *model*."""
        return parse(model, self.plain(await send(request, self.refuse)))

    async def get(self, model: type[M], call: Call, *parts: str, query: Query | None = None) -> M:
        """GET a *model*, again where that may help."""

        async def attempt() -> M:
            request = await self.request(call, "GET", self.url(*parts, query=query))
            return await self.fetch(model, request)

        return await retrying(attempt, self.backoff(call))

    async def post(
        self, model: type[M], call: Call, *parts: str, body: Mapping[str, Any] | None = None
    ) -> M:
        """POST, once.  What the caller wants in the body besides is in it already."""
        content = json_body(body) if body is not None else b""
        request = await self.request(
            call, "POST", self.url(*parts), content, "application/json" if content else None
        )
        timeout = call.timeout or self.create_timeout
        reply = await send(replace(request, timeout=timeout), self.refuse)
        made: M = self.received(parse(model, self.plain(reply)), reply)
        return made

    async def delete(self, model: type[M], call: Call, *parts: str) -> M:
        """DELETE, again where that may help."""

        async def attempt() -> M:
            return await self.fetch(model, await self.request(call, "DELETE", self.url(*parts)))

        return await retrying(attempt, self.backoff(call))
