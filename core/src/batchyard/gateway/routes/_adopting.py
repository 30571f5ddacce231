"""``/admin/adopt``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from batchyard.gateway._bodies import json_of
from batchyard.gateway._callers import Caller, master_only
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._replies import json_reply
from batchyard.gateway.routes._operations import Operation
from batchyard.models import Identity

__all__ = ["ADOPTING", "AdoptBatch"]


class AdoptBatch(BaseModel):
    """A batch to take over, by its provider's id; and whose it is from now on."""

    model_config = ConfigDict(extra="forbid")

    batch_id: str = Field(min_length=1, max_length=512)
    account: str | None = Field(default=None, min_length=1, max_length=255)
    owner: str = Field(default="", max_length=255)
    team: str | None = Field(default=None, max_length=255)
    tags: list[str] = Field(default=[], max_length=32)


async def _adopt(gateway: Gateway, caller: Caller, request: Request) -> Response:
    master_only(caller)
    body = await json_of(request, AdoptBatch, gateway.settings.idle_timeout)
    who = Identity(body.owner, body.team, tuple(body.tags))
    return json_reply(await gateway.ledger.adopt(body.batch_id, account=body.account, who=who))


ADOPTING = (Operation("POST", "/admin/adopt", _adopt, "Take over a provider's batch"),)
