"""From what was said to the accounts that may take a batch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchyard.errors import InputError
from batchyard.ledger.routing._directory import Directory
from batchyard.ledger.routing._hints import Hint, conflict, shown

__all__ = ["ANYTHING", "Allowed", "Asked", "candidates"]

MOST_MODELS = 1000
"""Models of a file that are counted one by one: of more, nobody knows where they run."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The accounts and models that a caller may use, if not any.

    Others are as if they were not there: no error tells their names.
    """

    accounts: Collection[str] | None = None
    models: Collection[str] | None = None


ANYTHING = Allowed()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to run: hints, one of a kind at most, and how many lines name which model."""

    hints: Sequence[Hint]
    models: Mapping[str, int]
    allowed: Allowed = ANYTHING


@dataclass(frozen=True, slots=True)
class _Bound:
    """What narrows the choice, in words, and the accounts that it leaves."""

    said: str
    accounts: Collection[str]


def candidates(directory: Directory, asked: Asked) -> dict[str, float]:
    """The accounts that may take the batch, with their weights: one, or those of a model.

    Raises :class:`InputError` where nothing is left, or several that nobody chose from.
    """
    usable = _allowed(directory, asked)
    bounds = [*_of_hints(directory, asked, usable), *_of_lines(directory, asked, usable)]
    left = [one for one in usable if all(one in bound.accounts for bound in bounds)]
    if not left:
        raise _nothing_left(asked, bounds, usable)
    weights = _weights(directory, asked, left)
    if weights is not None:
        return weights
    return {_one_of(directory, asked, left): 1.0}


def _allowed(directory: Directory, asked: Asked) -> tuple[str, ...]:
    if asked.allowed.accounts is None:
        return directory.names
    allowed = {directory.find(one) for one in asked.allowed.accounts}
    return tuple(one for one in directory.names if one in allowed)


def _of_hints(directory: Directory, asked: Asked, usable: Collection[str]) -> Iterator[_Bound]:
    for hint in asked.hints:
        if hint.kind == "provider":
            yield _of_provider(directory, asked, hint, usable)
        elif hint.kind == "account":
            yield _of_account(directory, hint, usable)
        else:
            yield from _of_models(directory, asked, hint, usable)


def _of_provider(directory: Directory, asked: Asked, hint: Hint, usable: Collection[str]) -> _Bound:
    provider = directory.provider(hint.values[0])
    if provider is None and directory.find(hint.values[0]) is not None:
        # an account is taken for a provider wherever one is named, as by clients
        return _of_account(directory, hint, usable)
    if provider is None:
        all_of_them = asked.allowed.accounts is None
        known = directory.providers if all_of_them else _providers_of(directory, usable)
        raise InputError(
            f"There is no provider {shown(hint.values[0])} ({hint.source}); "
            f"there are: {_listed(known)}.",
            code="invalid_provider",
            param="custom_llm_provider",
        )
    found = directory.of_provider(provider, usable)
    if not found:
        have = _listed(_providers_of(directory, usable))
        raise InputError(
            f"There is no account of {provider} ({hint.source}); there are accounts of: {have}.",
            code="invalid_provider",
            param="custom_llm_provider",
        )
    return _Bound(f"{hint} ({_listed(found)})", found)


def _providers_of(directory: Directory, accounts: Collection[str]) -> Sequence[str]:
    return sorted({directory.provider_of(one) for one in accounts})


def _of_account(directory: Directory, hint: Hint, usable: Collection[str]) -> _Bound:
    found = directory.find(hint.values[0])
    if found is None or found not in usable:
        raise InputError(
            f"There is no account {shown(hint.values[0])} ({hint.source}); "
            f"accounts: {_listed(usable)}.",
            code="invalid_account",
            param="account",
        )
    return _Bound(str(hint), (found,))


def _of_models(
    directory: Directory, asked: Asked, hint: Hint, usable: Collection[str]
) -> Iterator[_Bound]:
    """A model that is not configured says nothing of accounts; then lines have to ask for it."""
    accounts = [one.account for name in hint.values for one in directory.accounts_of(name)]
    if accounts:
        yield _at(str(hint), accounts, usable)
    elif not any(name in asked.models for name in hint.values):
        known = _listed(_known(directory, asked.allowed, usable))
        raise InputError(
            f"The model {' or '.join(map(shown, hint.values))} ({hint.source}) is not configured, "
            f"and no line of the file asks for it; configured: {known}.",
            code="model_not_found",
            param="model",
        )


def _known(directory: Directory, allowed: Allowed, usable: Collection[str]) -> Sequence[str]:
    """The configured models, of those that the caller may use."""
    return [
        name
        for name in directory.models
        if (allowed.models is None or name in allowed.models)
        and any(one.account in usable for one in directory.accounts_of(name))
    ]


def _at(said: str, accounts: Sequence[str], usable: Collection[str]) -> _Bound:
    found = tuple(one for one in dict.fromkeys(accounts) if one in usable)
    return _Bound(f"{said} ({_listed(found)})" if found else said, found)


def _of_lines(directory: Directory, asked: Asked, usable: Collection[str]) -> Iterator[_Bound]:
    if directory.models and len(asked.models) >= MOST_MODELS:
        raise InputError(
            f"The lines name {MOST_MODELS:,} models or more; split the file by model.",
            code="mismatched_model",
            param="body.model",
        )
    for model in asked.models:
        accounts = [one.account for one in directory.accounts_of(model)]
        if accounts:
            yield _at(f"the lines' model: {shown(model)}", accounts, usable)


def _nothing_left(asked: Asked, bounds: Sequence[_Bound], usable: Collection[str]) -> InputError:
    if len(bounds) > 1 and all(bound.accounts for bound in bounds):
        return conflict([one.said for one in bounds])
    said = "; ".join(one.said for one in bounds if not one.accounts)
    return InputError(
        f"No account that you may use takes this ({said or 'there is none'}); "
        f"yours: {_listed(usable)}.",
        status=None if asked.allowed.accounts is None else 403,
        code="account_not_allowed",
        param="model",
    )


def _weights(directory: Directory, asked: Asked, left: Sequence[str]) -> dict[str, float] | None:
    """The weights that the models have there; ``None`` where no model is configured."""
    hinted = [one.values for one in asked.hints if one.kind == "model"]
    named: list[Sequence[str]] = [(model,) for model in asked.models if model in directory.models]
    chosen = named or [one for one in hinted if any(directory.accounts_of(name) for name in one)]
    if not chosen:
        return None
    return {
        account: math.prod(_weight(directory, models, account) for models in chosen)
        for account in left
    }


def _weight(directory: Directory, models: Sequence[str], account: str) -> float:
    return sum(
        one.weight
        for model in models
        for one in directory.accounts_of(model)
        if one.account == account
    )


def _one_of(directory: Directory, asked: Asked, left: Sequence[str]) -> str:
    """The default account, else the only one."""
    default = directory.default
    if default is not None and default in left:
        return default
    if len(left) == 1:
        return left[0]
    of = next((str(one) for one in asked.hints if one.kind == "provider"), None)
    said = f"Several accounts would do ({of})" if of else "Several accounts would do"
    raise InputError(
        f"{said}: {_listed(left)}. Name one as `account`.",
        code="ambiguous_account",
        param="account",
    )


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
