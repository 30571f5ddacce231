"""What is logged says for which request it was."""

from __future__ import annotations

import logging
from io import StringIO

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from batchyard.gateway._edge import Edge, RequestIds

pytestmark = pytest.mark.anyio


async def test_every_line_that_is_logged_for_a_request_has_its_id() -> None:
    out = StringIO()
    log = logging.getLogger("batchyard.ledger")
    handler = logging.StreamHandler(out)
    handler.addFilter(RequestIds())

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        log.error("deep %s", "inside")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    log.addHandler(handler)
    try:
        transport = httpx.ASGITransport(Edge(app, access_log=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            ids = [(await http.get("/")).headers["x-request-id"] for _ in range(2)]
        log.error("outside")
    finally:
        log.removeHandler(handler)
    assert out.getvalue() == f"deep inside {ids[0]}\ndeep inside {ids[1]}\noutside\n"
