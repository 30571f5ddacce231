"""What a plugin must be, checked when it is registered and not when it first goes wrong."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from types import MethodType
from typing import Any

import pluggy

from batchyard.errors import PluginContractError
from batchyard.hookspecs import (
    PROJECT,
    EngineSpec,
    GateSpec,
    ListenerSpec,
    PriceSpec,
    ProviderSpec,
    SinkSpec,
)
from batchyard.registry._manager import Manager

__all__ = ["SPECS", "check_class", "hooks_of", "implementations", "manager_for", "register"]

SPECS: dict[str, type] = {
    "engines": EngineSpec,
    "gates": GateSpec,
    "listeners": ListenerSpec,
    "middleware": ProviderSpec,
    "prices": PriceSpec,
    "providers": ProviderSpec,
    "sinks": SinkSpec,
}
"""Which hooks a plugin of each group may implement."""


def register(
    manager: pluggy.PluginManager, group: str, name: str, plugin: object
) -> dict[str, pluggy.HookImpl]:
    """Register *plugin*, and return what it implements, by the name of the hook.

    Raises :class:`PluginContractError`, and leaves the manager as it was.
    """
    if manager.is_registered(plugin):
        raise PluginContractError(f"{name} is registered twice")
    try:
        manager.register(plugin, f"{name} {id(plugin):x}")
    except pluggy.PluginValidationError as error:
        # ours say what is wrong, and what instead
        _check_all(group, name, implementations(plugin))
        raise PluginContractError(f"{name} breaks the contract: {error}") from error
    found = _registered(manager, plugin)
    try:
        _check_all(group, name, found)
    except PluginContractError:
        manager.unregister(plugin)
        raise
    return found


def implementations(plugin: object) -> dict[str, pluggy.HookImpl]:
    """The plugin's hook implementations, by the name of the hook; what it may not have, too."""
    # one without specs takes whatever is marked
    manager = Manager()
    manager.register(plugin)
    return _registered(manager, plugin)


def hooks_of(plugin: object) -> tuple[str, ...]:
    """The names of all that is marked as a hook's implementation; of a class, without making it."""
    names = (name for name in dir(plugin) if not name.startswith("__"))
    return tuple(name for name in names if _marked(plugin, name))


def _marked(plugin: object, name: str) -> bool:
    # without running what a property would
    found = inspect.getattr_static(plugin, name, None)
    return hasattr(found, f"{PROJECT}_impl")


def check_class(group: str, name: str, plugin: object) -> None:
    """Check the hooks of what an entry point names; a class is not made for it.

    Raises :class:`PluginContractError`.
    """
    if not inspect.isclass(plugin):
        _check_all(group, name, implementations(plugin))
        return
    # a class cannot be registered, and something with its functions can
    _check_all(group, name, implementations(_Unmade(plugin)))


class _Unmade:
    """Has the hooks of a class, of which nothing is called."""

    def __init__(self, plugin: type) -> None:
        for hook in hooks_of(plugin):
            found = inspect.getattr_static(plugin, hook)
            function = getattr(found, "__func__", found)
            is_static = isinstance(found, staticmethod)
            setattr(self, hook, function if is_static else MethodType(function, self))


def _registered(manager: pluggy.PluginManager, plugin: object) -> dict[str, pluggy.HookImpl]:
    return {
        caller.name: impl
        for caller in manager.get_hookcallers(plugin) or ()
        for impl in caller.get_hookimpls()
        if impl.plugin is plugin
    }


def _check_all(group: str, name: str, found: Mapping[str, pluggy.HookImpl]) -> None:
    if not found:
        raise PluginContractError(f"{name} implements no hook of {group}; is @hookimpl missing?")
    for hook, impl in found.items():
        _check(group, name, hook, impl)


def _check(group: str, name: str, hook: str, impl: pluggy.HookImpl) -> None:
    spec = getattr(SPECS[group], hook, None)
    if spec is None:
        raise PluginContractError(f"{name}: {_stranger(group, hook)}")
    wraps = impl.wrapper or impl.hookwrapper
    if group == "middleware" and not wraps:
        raise PluginContractError(
            f"{name}.{hook} answers an operation; a middleware wraps it: @hookimpl(wrapper=True)"
        )
    if group != "middleware" and wraps:
        raise PluginContractError(f"{name}.{hook} is a wrapper; only a middleware may be one")
    if wraps and not inspect.isgeneratorfunction(impl.function):
        raise PluginContractError(f"{name}.{hook} is a wrapper, so it must be a def with one yield")
    _check_signature(f"{name}.{hook}", spec, impl.function)


def _stranger(group: str, hook: str) -> str:
    for other, spec in SPECS.items():
        if hasattr(spec, hook) and other != "middleware":
            return (
                f"{hook} belongs to the contract of {other}, and this is registered among {group}"
            )
    hint = _suggestion(hook, (one for one in vars(SPECS[group]) if one[0] != "_"))
    return f"there is no hook {hook!r}{hint}"


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _check_signature(where: str, spec: Any, function: Any) -> None:
    """Catch what pluggy refuses without saying where, or accepts and then never passes on."""
    wanted = _wanted(spec)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise PluginContractError(
                f"{where} takes {stars}{parameter.name}, which is never passed"
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise PluginContractError(
                f"{where}: {parameter.name!r} is keyword-only; hooks are called by position"
            )
        has_default = parameter.default is not parameter.empty
        if has_default and parameter.name in wanted:
            raise PluginContractError(
                f"{where}: {parameter.name!r} has a default, so its value would never be passed; "
                "take the default away"
            )
        if not has_default and parameter.name not in wanted:
            hint = _suggestion(parameter.name, wanted)
            raise PluginContractError(
                f"{where} has no argument {parameter.name!r}, only {', '.join(wanted)}{hint}"
            )


@cache
def _wanted(spec: Any) -> tuple[str, ...]:
    return tuple(one for one in inspect.signature(spec).parameters if one != "self")


def manager_for(group: str) -> pluggy.PluginManager:
    """A manager that knows the hooks of one group."""
    manager = Manager()
    manager.add_hookspecs(SPECS[group])
    return manager
