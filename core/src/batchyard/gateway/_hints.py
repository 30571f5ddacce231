"""Where a batch is to run, as requests say it: in the path, the body, the query, and headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from starlette.requests import Request

from batchyard.errors import InputError
from batchyard.gateway._callers import Caller
from batchyard.gateway._gateway import Gateway
from batchyard.ledger.routing import Hint, HintKind, stated_hints

__all__ = ["FIELDS", "PROVIDER_QUERIES", "checked_provider", "hints_of", "provider_of"]

LONGEST = 512
"""Characters of a value."""

MOST = 100
"""Models of which any will do."""

FIELDS: Mapping[str, HintKind] = {
    "custom_llm_provider": "provider",
    "model": "model",
    "target_model_names": "model",
    "account": "account",
}
"""What a body may have: OpenAI's clients send it as ``extra_body``."""

QUERIES: Mapping[str, HintKind] = {
    "custom_llm_provider": "provider",
    "provider": "provider",
    "model": "model",
    "account": "account",
}

HEADERS: Mapping[str, HintKind] = {
    "custom-llm-provider": "provider",
    "x-litellm-model": "model",
}

PROVIDER_QUERIES = ("custom_llm_provider", "provider")
"""The names by which a query has a provider."""


def hints_of(
    gateway: Gateway, caller: Caller, request: Request, body: Mapping[str, str]
) -> tuple[Hint, ...]:
    """All that a request that creates something says, one hint of a kind.

    *body* is what it has of :data:`FIELDS`.  Raises :class:`InputError` for
    hints that contradict each other, and a query that means nothing here.
    """
    for name in request.query_params:
        if name not in QUERIES:
            shown = name[:LONGEST]
            raise InputError(
                f"Unknown parameter: '{shown}'.", code="unknown_parameter", param=shown
            )
    said = [_by_own_name(gateway, one) for one in _said(request, body)]
    for hint in said:
        _check_models(caller, hint)
    return stated_hints(said)


def _check_models(caller: Caller, hint: Hint) -> None:
    """Another's model is as if it were not there."""
    if hint.kind != "model" or caller.models is None:
        return
    for name in hint.values:
        if name not in caller.models:
            raise InputError(
                f"The model '{name[:100]}' ({hint.source}) does not exist, or you may not use it.",
                code="model_not_found",
                param="model",
            )


def _said(request: Request, body: Mapping[str, str]) -> Iterator[Hint]:
    path = request.path_params.get("provider")
    if path is not None:
        yield Hint("provider", (path,), "the path")
    for name, kind in FIELDS.items():
        if name in body:
            several = name == "target_model_names"
            yield Hint(kind, _values(name, body[name], several=several), f"{name} in the body")
    for name, kind in QUERIES.items():
        for value in request.query_params.getlist(name):
            yield Hint(kind, _values(name, value), f"{name} in the query")
    for name, kind in HEADERS.items():
        for value in request.headers.getlist(name):
            yield Hint(kind, _values(name, value), f"the header {name}")


def _values(name: str, text: str, *, several: bool = False) -> tuple[str, ...]:
    values = tuple(one.strip() for one in text.split(",")) if several else (text.strip(),)
    if len(values) > MOST or not all(0 < len(one) <= LONGEST for one in values):
        raise InputError(
            f"'{name}' must have from 1 to {LONGEST} characters.", code="invalid_value", param=name
        )
    return values


def _by_own_name(gateway: Gateway, hint: Hint) -> Hint:
    """With a provider's own name in place of an alias, which contradicts nothing."""
    if hint.kind != "provider":
        return hint
    own = gateway.ledger.routing.directory.provider(hint.values[0])
    return hint if own is None else Hint(hint.kind, (own,), hint.source)


async def checked_provider(gateway: Gateway, caller: Caller, request: Request) -> None:
    """Refuse a path that begins with what is no provider, or whose batch is another provider's.

    Raises :class:`~batchyard.errors.NotFoundError`: such a batch is as if it were not there.
    """
    if "provider" in request.path_params:
        gateway.ledger.routing.provider(request.path_params["provider"])
    batch_id = request.path_params.get("batch_id")
    if batch_id is None:
        return
    provider = provider_of(gateway, request)
    if provider is not None:
        await gateway.ledger.batch(batch_id, owner=caller.owner, provider=provider)


def _may_say(request: Request) -> bool:
    """Whether anything could: reads are many, and nearly none does."""
    return (
        "provider" in request.path_params
        or bool(request.scope["query_string"])
        or any(name == b"custom-llm-provider" for name, _ in request.scope["headers"])
    )


def provider_of(gateway: Gateway, request: Request) -> str | None:
    """The provider whose batches are meant: by the path, the query or a header; all, if ``None``.

    Raises :class:`InputError` where they differ.
    """
    if not _may_say(request):
        return None
    named = [one for one in _said(request, {}) if one.kind == "provider"]
    stated = stated_hints([_by_own_name(gateway, one) for one in named])
    return gateway.ledger.routing.provider(stated[0].values[0]) if stated else None
