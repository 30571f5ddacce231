"""``/admin/keys``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from batchyard.gateway._bodies import json_of
from batchyard.gateway._callers import Caller, master_only
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._queries import Query
from batchyard.gateway._replies import json_reply
from batchyard.gateway.routes._operations import Operation
from batchyard.ledger import KeyOrder
from batchyard.models import KeyLimits

__all__ = ["KEYS", "CreateKey", "RotateKey"]

MOST = 100
"""Keys of a page."""


class CreateKey(BaseModel):
    """A key to create; see :class:`~batchyard.ledger.KeyOrder`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    owner: str | None = None
    team: str | None = None
    tags: list[str] = []
    models: list[str] | None = None
    accounts: list[str] | None = None
    limits: KeyLimits = KeyLimits()
    expires_at: int | None = None


class RotateKey(BaseModel):
    """``grace`` is for how many seconds the secret before is still taken."""

    model_config = ConfigDict(extra="forbid")

    grace: float = Field(default=0, ge=0)


async def _create(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    body = await json_of(request, CreateKey, gateway.settings.idle_timeout)
    order = KeyOrder(
        body.name,
        body.owner,
        body.team,
        tuple(body.tags),
        None if body.models is None else tuple(body.models),
        None if body.accounts is None else tuple(body.accounts),
        body.limits,
        body.expires_at,
    )
    made = await gateway.ledger.create_key(order)
    gateway.keyring.forget()
    return json_reply(made)


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    query = Query(request)
    page = query.page(MOST)
    query.end()
    return json_reply(await gateway.ledger.list_keys(page))


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    return json_reply(await gateway.ledger.retrieve_key(request.path_params["key_id"]))


async def _revoke(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    ended = await gateway.ledger.revoke_key(request.path_params["key_id"])
    gateway.keyring.forget()
    return json_reply(ended)


async def _rotate(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    body = await json_of(request, RotateKey, gateway.settings.idle_timeout, empty=True)
    changed = await gateway.ledger.rotate_key(request.path_params["key_id"], grace=body.grace)
    gateway.keyring.forget()
    return json_reply(changed)


KEYS = (
    Operation("GET", "/admin/keys/{key_id}", _retrieve, "Retrieve an API key"),
    Operation("POST", "/admin/keys", _create, "Create an API key"),
    Operation("GET", "/admin/keys", _list, "List API keys"),
    Operation("POST", "/admin/keys/{key_id}/revoke", _revoke, "Revoke an API key"),
    Operation("POST", "/admin/keys/{key_id}/rotate", _rotate, "Give an API key a new secret"),
)
