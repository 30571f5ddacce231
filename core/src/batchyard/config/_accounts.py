"""Which account is meant, and its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from batchyard.config._configuration import (
    AccountTable,
    Configuration,
    Location,
    merged,
    plain,
    suggestion,
)
from batchyard.config._fitting import fitted, unknown_keys
from batchyard.config._loading import load
from batchyard.config._prices import account_prices
from batchyard.config._references import followed
from batchyard.config._secrecy import holds_secret, readable_by_others, warn
from batchyard.errors import ConfigError, UnknownPluginError
from batchyard.registry import Registry

__all__ = ["AccountSettings", "resolve"]


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """An account that can be made.

    ``sources`` has where each setting comes from: ``arguments``, ``variables``,
    the file's path, ``environment`` (the provider's own variables) or ``default``.
    ``exposed`` is the file, if it holds this account's secrets and everybody can read it.
    ``prices`` are those that the account has for itself, by model: what is said of
    each, money as ``Decimal`` dollars for a million tokens.
    """

    name: str
    provider: str
    settings: BaseModel = field(repr=False)
    sources: Mapping[str, str]
    exposed: Path | None = None
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a name, or the lack of one, stands for."""

    name: str | None
    provider: str | None
    table: AccountTable | None


def resolve(
    registry: Registry,
    name: str | None = None,
    given: Mapping[str, Any] | None = None,
    *,
    account: str | None = None,
    config: str | os.PathLike[str] | Configuration | None = None,
) -> AccountSettings:
    """The account of that name, or of that provider, with *given* above its other settings.

    A configured account wins over a provider of the same name.  Without a name
    it is the configured default, or the only account configured, and without a
    configuration the provider that the environment has settings for.
    *account* is a name too; one that is not configured names the account that
    *name* and *given* make.

    Raises :class:`~batchyard.errors.ConfigError` and :class:`~batchyard.errors.PluginError`.
    """
    given = given or {}
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    chosen = _chosen(registry, config, name, account)
    provider = chosen.provider or registry.default_provider()
    called = _names(given, chosen.table)
    values = merged(_followed(registry, given, chosen.table), given)
    # what an account pays is not a setting of its provider
    prices = account_prices(values.pop("prices", {}), called)
    model = _model(registry, provider, chosen.table)
    problems = list(unknown_keys(model, values, called))
    if problems:
        said = "; ".join(sentence for _, sentence in problems)
        raise ConfigError(said, provider=provider, param=problems[0][0])
    provider, settings = registry.settings(provider, fitted(model, values), called=called)
    sources = _sources(settings, given, chosen.table, prices)
    exposed = _exposed(config, chosen.table, settings)
    if exposed is not None:
        warn(exposed)
    return AccountSettings(chosen.name or provider, provider, settings, sources, exposed, prices)


def _model(registry: Registry, provider: str, table: AccountTable | None) -> type[BaseModel]:
    try:
        return registry.provider(provider).Settings
    except UnknownPluginError as error:
        if table is None:
            raise
        said = error.message
        if provider == table.name:
            said = f"the account is of no provider that is installed; give it provider = … ({said})"
        raise ConfigError(f"{table.called(('provider',))}: {said}", param="provider") from None


def _followed(
    registry: Registry, given: Mapping[str, Any], table: AccountTable | None
) -> dict[str, Any]:
    """What is configured; a reference that an argument stands above need not lead anywhere."""
    if table is None:
        return {}
    needed = {
        key: value
        for key, value in table.values.items()
        if key not in given or isinstance(value, Mapping)
    }
    answer: dict[str, Any] = followed(needed, registry.environ, table.called)
    return answer


def _chosen(
    registry: Registry, config: Configuration, name: str | None, account: str | None
) -> Chosen:
    if name is not None and account is not None:
        table = config.find(account)
        if table is None:
            found = _named(registry, config, name)
            return Chosen(account, found.provider, found.table)
        _agree(registry, config, name, table)
        return Chosen(table.name, table.provider, table)
    wanted = name if name is not None else account
    if wanted is not None:
        return _named(registry, config, wanted)
    if config.default_account is not None:
        return _named(registry, config, config.default_account, f"{config.default_called}: ")
    if len(config.names) > 1:
        which = ", ".join(config.names)
        raise ConfigError(
            f"which account? Name one of {which}, or set default_account", param="account"
        )
    return _named(registry, config, config.names[0]) if config.names else Chosen(None, None, None)


def _named(registry: Registry, config: Configuration, name: str, said_by: str = "") -> Chosen:
    table = config.find(name)
    if table is not None:
        return Chosen(table.name, table.provider, table)
    providers = tuple(dict.fromkeys(one.name for one in registry.installed("providers")))
    if name not in providers and (config.names or said_by):
        raise ConfigError(
            f"{said_by}there is no account or provider {name!r}; accounts: "
            f"{', '.join(config.names) or 'none'}; providers: {', '.join(providers) or 'none'}"
            f"{suggestion(name, (*providers, *config.names))}",
            param="account",
        )
    return Chosen(None, name, None)


def _agree(registry: Registry, config: Configuration, name: str, table: AccountTable) -> None:
    """Refuse an account that is not of the provider that was named beside it."""
    if plain(name) == plain(table.name):
        return
    other = _named(registry, config, name)
    same = registry.provider(other.provider or name) is registry.provider(table.provider)
    if other.table is not None or not same:
        raise ConfigError(
            f"the account {table.name!r} is of provider {table.provider!r}, not {name!r}",
            param="account",
        )


def _names(given: Mapping[str, Any], table: AccountTable | None) -> Callable[[Location], str]:
    """What a setting is called in an error: by its argument, its variable, or in the file."""

    def called(location: Location) -> str:
        if table is None or (location and location[0] in given):
            return ".".join(map(str, location)) or "settings"
        return table.called(location)

    return called


def _exposed(config: Configuration, table: AccountTable | None, settings: BaseModel) -> Path | None:
    if config.path is None or table is None:
        return None
    secret = any(holds_secret(one, settings) for one in table.written(str(config.path)))
    return config.path if secret and readable_by_others(config.path) else None


def _sources(
    settings: BaseModel,
    given: Mapping[str, Any],
    table: AccountTable | None,
    prices: Mapping[str, Any],
) -> dict[str, str]:
    def source(field: str) -> str:
        if field in given:
            return "arguments"
        configured = table.origin(field) if table else None
        return configured or ("environment" if field in settings.model_fields_set else "default")

    fields = type(settings).model_fields
    return {field: source(field) for field in (*fields, *(["prices"] if prices else []))}
