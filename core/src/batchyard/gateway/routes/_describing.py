"""``/openapi.json`` and ``/docs``: the API, for machines and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from batchyard.gateway._openapi import document_of
from batchyard.gateway._page import POLICY, page_of
from batchyard.gateway.routes._operations import Operation

__all__ = ["describing"]


def describing(operations: Sequence[Operation], bare: Sequence[Operation]) -> Iterator[BaseRoute]:
    """The two routes.  They tell nothing but what is in the code, and so ask for no key."""
    made: dict[str, Response] = {}

    def document(_request: Request) -> Response:
        if "json" not in made:
            text = json.dumps(document_of(operations, bare), ensure_ascii=False)
            made["json"] = Response(text, media_type="application/json")
        return made["json"]

    def page(_request: Request) -> Response:
        if "html" not in made:
            headers = {
                "content-security-policy": POLICY,
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
            }
            text = page_of(document_of(operations, bare))
            made["html"] = Response(text, headers=headers, media_type="text/html")
        return made["html"]

    yield Route("/openapi.json", document)
    yield Route("/docs", page)
