"""Finds, loads and addresses plugins."""

from __future__ import annotations

import inspect
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, cast

import pluggy
from pydantic import BaseModel, ValidationError

from batchyard.errors import (
    BatchyardError,
    ConfigError,
    PluginContractError,
    PluginLoadError,
)
from batchyard.hookspecs import EngineContext
from batchyard.registry._account import Account
from batchyard.registry._catalogue import LIMIT, Catalogue, PluginInfo
from batchyard.registry._checks import check_class, implementations, manager_for, register
from batchyard.registry._engines import Engine
from batchyard.registry._gates import Gate
from batchyard.registry._listeners import Listener
from batchyard.registry._loading import load
from batchyard.registry._making import Called, config_error, configured, dotted, instance
from batchyard.registry._sinks import Sink

__all__ = ["Registry"]

log = logging.getLogger("batchyard.registry")


class ProviderClass(Protocol):
    """What a provider's entry point names, besides its hooks.

    It may have ``aliases`` and ``from_environment(environ) -> Settings | None`` too.
    Where that takes a second argument, it is a mapping of the settings that are
    given and stand above what is offered: whose key the environment's is may
    depend on them.
    """

    name: str
    Settings: type[BaseModel]

    def __call__(self, settings: BaseModel) -> object: ...


class Registry:
    """The plugins of this installation, each imported when it is first asked for.

    Providers, sinks, gates, prices and engines load when they are named.
    Listeners and middleware load with the first account, since they are for all;
    one that cannot be loaded is logged with its distribution and left out.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._catalogue = Catalogue(self._environ)
        self._lock = threading.RLock()
        self._providers: dict[str, tuple[PluginInfo, ProviderClass]] = {}
        self._middleware: dict[str, object] | None = None
        self._listeners: list[tuple[object, Listener]] | None = None

    def installed(self, group: str) -> tuple[PluginInfo, ...]:
        """What is installed, of ``providers``, ``listeners``, …  Imports none of it."""
        return self._catalogue.installed(group)

    def disabled(self, group: str) -> tuple[PluginInfo, ...]:
        """What is installed and switched off: it is never loaded."""
        return self._catalogue.disabled(group)

    def load(self, group: str, name: str) -> Any:
        """The object that a plugin's entry point names, checked as far as it can be.

        Raises :class:`~batchyard.errors.PluginError`.
        """
        return load(self._catalogue.find(group, name))

    def check_hooks(self, info: PluginInfo, loaded: Any) -> None:
        """Check the hooks of what a plugin's entry point names, without making it.

        Raises :class:`~batchyard.errors.PluginContractError`.
        """
        check_class(info.group, str(info), loaded)

    def provider(self, name: str) -> ProviderClass:
        """The provider's class, by its name or an alias."""
        return self._found(name)[1]

    def plugin(self, group: str, name: str, *arguments: Any) -> object:
        """A sink, gate, price source or engine, made and checked against its hooks."""
        info = self._catalogue.find(group, name)
        return _checked(group, str(info), load(info), *arguments)

    def sink(self, name: str, settings: Mapping[str, Any] | BaseModel | None = None) -> Sink:
        """The installed sink of that name, made with its settings."""
        return Sink(*self._configured("sinks", name, settings))

    def gate(self, name: str, settings: Mapping[str, Any] | BaseModel | None = None) -> Gate:
        """The installed gate of that name, made with its settings."""
        return Gate(*self._configured("gates", name, settings))

    def engine(self, name: str, context: EngineContext) -> Engine:
        """The installed engine of that name."""
        info = self._catalogue.find("engines", name)
        return Engine(str(info), instance(str(info), load(info), context))

    def _configured(
        self, group: str, name: str, settings: Mapping[str, Any] | BaseModel | None
    ) -> tuple[str, object]:
        info = self._catalogue.find(group, name)
        return str(info), configured(str(info), load(info), settings)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that accounts are made from."""
        return self._environ

    def settings(
        self,
        provider: str | None = None,
        given: Mapping[str, Any] | None = None,
        *,
        called: Called | None = None,
    ) -> tuple[str, BaseModel]:
        """The provider's own name, and its settings: the environment's, overridden by *given*.

        *called* says what a setting is called in errors; by default, its path with dots.
        """
        info, cls = self._found(provider or self.default_provider())
        return cls.name, self._settings(info, cls, given or {}, called or dotted)

    def account(
        self,
        provider: str | None = None,
        settings: Mapping[str, Any] | BaseModel | None = None,
        *,
        name: str | None = None,
        listeners: Sequence[object] = (),
        middleware: Sequence[object] = (),
    ) -> Account:
        """An account of *provider*: its environment's settings, overridden by *settings*.

        Settings that are made already, the provider's own model, are taken as they are.
        Without a provider, it is the one that the environment has settings for,
        or the only one installed.  *listeners* and *middleware* are plugins
        beside the installed ones, and inside them.
        """
        info, cls = self._found(provider or self.default_provider())
        if not isinstance(settings, BaseModel):
            settings = self._settings(info, cls, settings or {}, dotted)
        plugin = instance(str(info), cls, settings)
        wrappers = [_checked("middleware", _name(one), one) for one in middleware]
        added = {f"{_name(one)} {number}": one for number, one in enumerate(wrappers, 1)}
        return Account(
            name or cls.name,
            cls.name,
            plugin,
            middleware={**self._loaded_middleware(), **added},
            listeners=[
                *self._loaded_listeners(),
                *(_listener(_name(one), one) for one in listeners),
            ],
            origin=str(info),
        )

    def _found(self, name: str) -> tuple[PluginInfo, ProviderClass]:
        with self._lock:
            if name not in self._providers:
                info = self._catalogue.find("providers", name)
                self._providers[name] = info, _provider_class(info, load(info))
            return self._providers[name]

    def offered(self) -> tuple[str, ...]:
        """The providers that the environment has settings for.  Imports all that are installed."""
        infos = {one.value: one for one in reversed(self.installed("providers"))}
        return tuple(sorted(one.name for one in infos.values() if self._offers(one)))

    def default_provider(self) -> str:
        """The only provider installed, or the one that the environment has settings for.

        Raises :class:`~batchyard.errors.ConfigError` where that is none or several.
        """
        infos = {one.value: one for one in reversed(self.installed("providers"))}
        if not infos:
            limited = f" ({LIMIT} limits what loads)" if LIMIT in self._environ else ""
            raise ConfigError(
                f"no provider is installed{limited}; try: pip install batchyard-<provider>"
            )
        if len(infos) == 1:
            return next(iter(infos.values())).name
        offered = self.offered()
        if len(offered) == 1:
            return offered[0]
        which = ", ".join(offered or sorted(one.name for one in infos.values()))
        raise ConfigError(f"which provider? Name one of: {which}", param="provider")

    def _offers(self, info: PluginInfo) -> bool:
        """Whether the environment has an account for it; a provider that is broken has none."""
        try:
            return _from_environment(*self._found(info.name), self._environ) is not None
        except ConfigError:
            # it is meant, and its mistake is told when the account is made
            return True
        except BatchyardError as error:
            log.warning("%s", error)
            return False

    def _settings(
        self, info: PluginInfo, cls: ProviderClass, given: Mapping[str, Any], called: Called
    ) -> BaseModel:
        offered = _from_environment(info, cls, self._environ, given)
        known = (
            {} if offered is None else {k: getattr(offered, k) for k in offered.model_fields_set}
        )
        stated = {name for name, value in given.items() if value is not None}
        for group in getattr(cls.Settings, "exclusive", ()):
            if stated.intersection(group):
                # what is given stands above the environment's other ways to say it
                known = {name: value for name, value in known.items() if name not in group}
        try:
            settings = cls.Settings(**{**known, **given})
        except ValidationError as error:
            raise _provider_error(cls, error, called) from None
        return settings

    def _loaded_middleware(self) -> dict[str, object]:
        with self._lock:
            if self._middleware is None:
                self._middleware = dict(self._load_all("middleware", _wrapper))
            return self._middleware

    def _loaded_listeners(self) -> list[tuple[object, Listener]]:
        with self._lock:
            if self._listeners is None:
                self._listeners = [one for _, one in self._load_all("listeners", _listener)]
            return self._listeners

    def _load_all(self, group: str, make: Callable[[str, object], Any]) -> list[tuple[str, Any]]:
        """Every plugin of a group that works; the others are logged, and stop nobody."""
        made = []
        for info in self.installed(group):
            try:
                self._catalogue.find(group, info.name)
                made.append((str(info), make(str(info), load(info))))
            except BatchyardError as error:
                log.error("%s left out: %s", info, error)  # noqa: TRY400 - the cause is in the text
        return made


def _provider_class(info: PluginInfo, loaded: Any) -> ProviderClass:
    """What the entry point names, if it has all that a provider's class must have."""
    if not inspect.isclass(loaded):
        raise PluginContractError(f"provider {info}: {info.value} is not a class")
    if not isinstance(getattr(loaded, "name", None), str):
        raise PluginContractError(f"provider {info}: {info.value} lacks name, a string")
    settings = getattr(loaded, "Settings", None)
    if not (inspect.isclass(settings) and issubclass(settings, BaseModel)):
        raise PluginContractError(f"provider {info}: {info.value} lacks Settings, a pydantic model")
    provider = cast("ProviderClass", loaded)
    if info.name not in {provider.name, *getattr(provider, "aliases", ())}:
        raise PluginContractError(
            f"provider {info}: {info.value} calls itself {provider.name!r}, and has no such alias"
        )
    return provider


def _from_environment(
    info: PluginInfo,
    cls: ProviderClass,
    environ: Mapping[str, str],
    given: Mapping[str, Any] = MappingProxyType({}),
) -> BaseModel | None:
    offer = getattr(cls, "from_environment", None)
    if offer is None:
        return None
    wanted = (environ, given)[: len(inspect.signature(offer).parameters)]
    try:
        settings: BaseModel | None = offer(*wanted)
    except ValidationError as error:
        raise _provider_error(cls, error, dotted) from None
    except BatchyardError:
        raise
    except (Exception, SystemExit) as error:
        # without its text, which may quote the environment
        raise PluginLoadError(
            f"provider {info} cannot read the environment: {type(error).__name__}"
        ) from error
    return settings


def _provider_error(cls: ProviderClass, error: ValidationError, called: Called) -> ConfigError:
    wrong = config_error(cls.name, cls.Settings, error, called)
    wrong.provider = cls.name
    return wrong


def _name(plugin: object) -> str:
    """What a plugin that was passed in, and not installed, is called."""
    return getattr(plugin, "__name__", None) or type(plugin).__name__


def _checked(group: str, name: str, plugin: object, *arguments: Any) -> object:
    """The plugin, made, and registered by itself: a bad one is found before it is used."""
    made = instance(name, plugin, *arguments)
    register(manager_for(group), group, name, made)
    return made


def _wrapper(name: str, plugin: object) -> object:
    return _checked("middleware", name, plugin)


def _listener(name: str, plugin: object) -> tuple[object, Listener]:
    made = _checked("listeners", name, plugin)
    hooks = {hook: _hook(impl) for hook, impl in implementations(made).items()}
    return made, Listener(name, hooks, needs_totals=bool(getattr(made, "needs_totals", True)))


def _hook(impl: pluggy.HookImpl) -> Callable[[Any], Any]:
    """The hook as a function of the event, whether or not it takes one."""
    function: Callable[..., Any] = impl.function
    return function if impl.argnames else lambda _event: function()
