"""``/healthz`` and ``/readyz``: for whoever starts, watches and restarts the gateway."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from batchyard.errors import BatchyardError
from batchyard.gateway._gateway import Gateway

__all__ = ["healthy", "ready"]


async def healthy(_request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """Ledger and store can be reached, and what is to be followed here is followed."""
    gateway: Gateway = request.state.gateway
    following = gateway.following
    if following is not None and following.done():
        return JSONResponse({"status": "not following"}, 503)
    try:
        await gateway.ledger.check()
    except BatchyardError:
        return JSONResponse({"status": "records unreachable"}, 503)
    return JSONResponse({"status": "ok"})
