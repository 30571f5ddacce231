"""``/models`` and ``/providers``: what can be run, where, within which limits, at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from batchyard.errors import NotFoundError
from batchyard.gateway._callers import Caller
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._hints import PROVIDER_QUERIES, provider_of
from batchyard.gateway._queries import Query
from batchyard.gateway._replies import json_reply
from batchyard.gateway.routes._operations import Operation
from batchyard.ledger.routing import Offer
from batchyard.models import Limits, Rates
from batchyard.prices import rates_record

__all__ = ["MODELS", "ModelObject", "ProviderObject"]


class AccountOffer(BaseModel):
    """A model at an account; ``model`` is what that calls it.

    ``configured`` is false where only a price is known.  ``rates`` are US dollars
    for a million tokens in a batch, with their source; ``null`` is unknown.
    """

    account: str
    provider: str
    model: str
    weight: int
    configured: bool
    limits: dict[str, Any]
    rates: dict[str, Any] | None
    reason: str | None


class ModelObject(BaseModel):
    """OpenAI's model object, and what a batch of it comes to at which account.

    Nobody knows when it was ``created``, which the object has to have.
    """

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str
    accounts: list[AccountOffer]


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelObject]


class ProviderObject(BaseModel):
    """A provider that there is an account of.  ``limits`` are those of each account."""

    id: str
    object: Literal["provider"] = "provider"
    operations: list[str]
    accounts: list[str]
    limits: dict[str, dict[str, Any]]


class ProviderList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ProviderObject]


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    return json_reply(ModelList(data=_models(gateway, caller, request)))


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    name = request.path_params["model_id"]
    for one in _models(gateway, caller, request):
        if one.id == name:
            return json_reply(one)
    raise NotFoundError(
        f"The model '{name}' does not exist, or you may not use it.",
        status=404,
        code="model_not_found",
        param="model",
    )


def _models(gateway: Gateway, caller: Caller, request: Request) -> list[ModelObject]:
    provider = _asked(gateway, request)
    found = gateway.ledger.offers(caller.accounts)
    wanted = (
        (name, [one for one in of if provider in {None, one.provider}])
        for name, of in found.items()
        if caller.models is None or name in caller.models
    )
    return [_model(name, of) for name, of in wanted if of]


def _asked(gateway: Gateway, request: Request) -> str | None:
    query = Query(request)
    query.take(PROVIDER_QUERIES)
    query.end()
    return provider_of(gateway, request)


def _model(name: str, of: Sequence[Offer]) -> ModelObject:
    providers = {one.provider for one in of}
    return ModelObject(
        id=name,
        owned_by=providers.pop() if len(providers) == 1 else "batchyard",
        accounts=[
            AccountOffer(
                account=one.account,
                provider=one.provider,
                model=one.model,
                weight=one.weight,
                configured=one.configured,
                limits=_limits(one.limits),
                rates=None if one.rates is None else _rates(one.rates),
                reason=one.reason,
            )
            for one in of
        ],
    )


async def _providers(gateway: Gateway, caller: Caller, request: Request) -> Response:
    provider = _asked(gateway, request)
    found: dict[str, ProviderObject] = {}
    for name, account in gateway.ledger.accounts(caller.accounts).items():
        if provider not in {None, account.provider}:
            continue
        shown = found.setdefault(
            account.provider,
            ProviderObject(
                id=account.provider, operations=list(account.operations), accounts=[], limits={}
            ),
        )
        shown.accounts.append(name)
        shown.limits[name] = _limits(account.limits())
    return json_reply(ProviderList(data=sorted(found.values(), key=lambda one: one.id)))


def _rates(rates: Rates) -> dict[str, Any]:
    """With what is unknown as ``null``."""
    return {**dict.fromkeys(one.name for one in fields(Rates)), **rates_record(rates)}


def _limits(limits: Limits) -> dict[str, Any]:
    return asdict(limits)


MODELS = (
    Operation("GET", "/models", _list, "List models"),
    Operation("GET", "/models/{model_id:path}", _retrieve, "Retrieve a model"),
    Operation("GET", "/providers", _providers, "List providers"),
)
