"""``[models."NAME"]``: models and aliases, and at which accounts they run under which name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from batchyard.config._configuration import Configuration, Table, plain, suggestion
from batchyard.config._fitting import checked
from batchyard.config._loading import load
from batchyard.config._references import followed
from batchyard.errors import ConfigError
from batchyard.registry import Registry

__all__ = ["ModelAccount", "ModelSettings", "configured_model", "resolve_models"]

MAX_NAME = 512
"""Characters of a model's name, as of one in a line."""


class ModelAccount(BaseModel):
    """One account that runs a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field(min_length=1, description="the account")
    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_NAME,
        description="what the account calls it, such as a deployment; the same, if not given",
    )
    weight: int = Field(
        default=1, ge=1, le=1_000_000, description="its share of the batches, beside the others'"
    )


class _Written(BaseModel):
    """The table as it may be written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: list[ModelAccount] | None = None
    account: str | None = Field(default=None, min_length=1)
    model: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)


class ModelSettings(BaseModel):
    """A model as lines name it, and the accounts that run it."""

    model_config = ConfigDict(frozen=True)

    name: str
    accounts: tuple[ModelAccount, ...]


def resolve_models(
    registry: Registry, config: str | os.PathLike[str] | Configuration | None = None
) -> tuple[ModelSettings, ...]:
    """The models that are configured, by name.  Raises :class:`ConfigError`."""
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    return tuple(configured_model(registry, config, name) for name in config.names_of("models"))


def configured_model(registry: Registry, config: Configuration, name: str) -> ModelSettings:
    """The model of that name."""
    table = config.find_named("models", name)
    if table is None:
        known = config.names_of("models")
        raise ConfigError(
            f"there is no model {name!r}; models: {', '.join(known) or 'none'}"
            f"{suggestion(name, known)}",
            param="models",
        )
    if len(table.name) > MAX_NAME:
        raise ConfigError(
            f"{table.called(())}: the name is longer than {MAX_NAME} characters", param="models"
        )
    values: dict[str, Any] = followed(dict(table.values), registry.environ, table.called)
    written = checked(_Written, values, table.called)
    accounts = _accounts(written, table)
    problems = list(_problems(registry, config, table, accounts))
    if problems:
        raise ConfigError("; ".join(problems), param=table.name)
    return ModelSettings(
        name=table.name,
        accounts=tuple(
            one.model_copy(update={"account": _spelled(config, one.account)}) for one in accounts
        ),
    )


def _accounts(written: _Written, table: Table) -> list[ModelAccount]:
    short = written.account is not None or written.model is not None
    if written.accounts is not None and short:
        raise ConfigError(
            f"{table.called(('accounts',))}: give accounts, or account and model, not both",
            param="accounts",
        )
    if written.accounts is not None:
        if not written.accounts:
            raise ConfigError(f"{table.called(('accounts',))}: name an account", param="accounts")
        return written.accounts
    if written.account is None:
        raise ConfigError(
            f"{table.called(('account',))}: this setting is needed, or accounts = […]",
            param="account",
        )
    return [ModelAccount(account=written.account, model=written.model)]


def _problems(
    registry: Registry, config: Configuration, table: Table, accounts: list[ModelAccount]
) -> Iterator[str]:
    seen: dict[tuple[str, str], int] = {}
    listed = "accounts" in table.values
    providers = tuple(dict.fromkeys(one.name for one in registry.installed("providers")))
    for number, one in enumerate(accounts):
        where = table.called(("accounts", number, "account") if listed else ("account",))
        if config.find_named("accounts", one.account) is None and one.account not in providers:
            known = (*config.names, *providers)
            yield (
                f"{where}: there is no account or provider {one.account!r}; "
                f"accounts: {', '.join(config.names) or 'none'}{suggestion(one.account, known)}"
            )
        key = (plain(one.account), one.model or table.name)
        if key in seen:
            yield (
                f"{where}: the account {one.account!r} runs it as {key[1]!r} already; "
                "give one of them the weight of both"
            )
        seen[key] = number


def _spelled(config: Configuration, account: str) -> str:
    """The account's name as it is configured: case, hyphens and underscores do not count."""
    table = config.find_named("accounts", account)
    return account if table is None else table.name
