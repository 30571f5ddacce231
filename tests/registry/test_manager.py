from __future__ import annotations

import types
from typing import Any

import pluggy
import pytest

from batchyard.hookspecs import PROJECT, ProviderSpec, hookimpl
from batchyard.registry._manager import Manager


@hookimpl
def limits(endpoint: str, model: str) -> None:
    """A hook that nobody holds yet."""


class Plain:
    @hookimpl
    def limits(self, endpoint: str, model: str) -> None: ...

    def billing(self) -> None: ...


class Inherits(Plain):
    pass


class HidesIt(Plain):
    limits: Any = None


class OverridesItUnmarked(Plain):
    def limits(self, endpoint: str, model: str) -> None: ...


class Static:
    @staticmethod
    @hookimpl
    def limits(endpoint: str, model: str) -> None: ...


class MarkedStatic:
    @hookimpl
    @staticmethod
    def limits(endpoint: str, model: str) -> None: ...


class OfTheClass:
    @classmethod
    @hookimpl
    def limits(cls, endpoint: str, model: str) -> None: ...


class InASlot:
    __slots__ = ("limits",)

    def __init__(self) -> None:
        self.limits = limits


class ItsOwn:
    def __init__(self) -> None:
        self.limits = limits


class HidesItItself(Plain):
    def __init__(self) -> None:
        self.limits = None  # type: ignore[method-assign, assignment]


class Evaluated:
    @property
    def limits(self) -> Any:
        raise AssertionError("a property was asked for its value")


class Renamed:
    @hookimpl(specname="limits", tryfirst=True)
    def bounds(self, endpoint: str, model: str) -> None: ...


def module() -> types.ModuleType:
    made = types.ModuleType("a_plugin")
    made.limits = limits  # type: ignore[attr-defined]
    made.other = len  # type: ignore[attr-defined]
    return made


PLUGINS = (
    Plain(),
    Inherits(),
    HidesIt(),
    OverridesItUnmarked(),
    Static(),
    MarkedStatic(),
    OfTheClass(),
    InASlot(),
    ItsOwn(),
    HidesItItself(),
    Evaluated(),
    Renamed(),
    Static,
    OfTheClass,
    module(),
)


def _called(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def found(manager: pluggy.PluginManager, plugin: object) -> list[Any]:
    manager.add_hookspecs(ProviderSpec)
    manager.register(plugin)
    return [
        (caller.name, caller.spec is not None, [(one.argnames, one.opts) for one in impls])
        for caller in manager.get_hookcallers(plugin) or ()
        for impls in [caller.get_hookimpls()]
    ]


@pytest.mark.parametrize("plugin", PLUGINS, ids=[_called(one) for one in PLUGINS])
def test_it_finds_the_hooks_that_pluggy_finds(plugin: object) -> None:
    assert found(Manager(), plugin) == found(pluggy.PluginManager(PROJECT), plugin)


def test_that_would_show_since_most_of_these_plugins_have_a_hook() -> None:
    having = [type(one).__name__ for one in PLUGINS if found(Manager(), one)]
    assert len(having) == 11
