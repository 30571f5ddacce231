"""Requests to an account's Message Batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from batchyard.effects import Request, Source
from batchyard.models import Call
from batchyard.steps import Backoff, fetch, retrying
from batchyard_anthropic._errors import refuse
from batchyard_anthropic._settings import Settings
from batchyard_anthropic._wire import Listed, MessageBatch

__all__ = ["Api", "backoff"]

M = TypeVar("M", bound=BaseModel)

BATCHES = "/v1/messages/batches"
MOST = 1000
"""Batches that a page may have."""


class Api:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def request(
        self, call: Call, method: str, path: str = "", body: bytes | Source = b""
    ) -> Request:
        headers = {"accept": "application/json", **_lower(call.extra_headers)}
        own = self._settings.headers
        betas = [one for one in (own.get("anthropic-beta"), headers.get("anthropic-beta")) if one]
        # an account's credential is its only one
        for name in ("x-api-key", "authorization"):
            headers.pop(name, None)
        headers |= own
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        if body:
            headers["content-type"] = "application/json"
        url = self._settings.base_url + BATCHES + path
        return Request(method, url, headers, body, call.timeout or self._settings.timeout)

    async def retrieve(self, call: Call, batch_id: str) -> MessageBatch:
        return await self._repeated(MessageBatch, call, self.request(call, "GET", of(batch_id)))

    async def cancel(self, call: Call, batch_id: str) -> MessageBatch:
        path = f"{of(batch_id)}/cancel"
        # to cancel twice is to cancel
        return await self._repeated(MessageBatch, call, self.request(call, "POST", path))

    async def listed(self, call: Call, after: str | None, limit: int | None) -> Listed:
        asked: dict[str, str | int] = {}
        if limit is not None:
            asked["limit"] = max(1, min(limit, MOST))
        if after:
            asked["after_id"] = after
        query = f"?{urlencode(asked)}" if asked else ""
        return await self._repeated(Listed, call, self.request(call, "GET", query))

    def results(self, call: Call, batch_id: str) -> Request:
        """For the results: by the batch's own address, so that no key goes to another host."""
        return self.request(call, "GET", f"{of(batch_id)}/results")

    def head(self, call: Call) -> bytes:
        """How the body of a create begins, before its requests."""
        given: Mapping[str, object] = {
            name: value for name, value in call.extra_body.items() if name != "requests"
        }
        return json.dumps(given).encode()[:-1] + b"," if given else b"{"

    async def _repeated(self, model: type[M], call: Call, request: Request) -> M:
        """For what may be asked twice without harm."""
        return await retrying(lambda: fetch(model, request, refuse), backoff(call))


def backoff(call: Call) -> Backoff:
    return Backoff(retries=call.max_retries)


def of(batch_id: str) -> str:
    """An id as a part of a path: it may come from anywhere."""
    return f"/{quote(batch_id, safe='')}"


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
