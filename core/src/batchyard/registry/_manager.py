"""pluggy's manager, made quick: every account has one of its own."""

from __future__ import annotations

from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any

import pluggy

from batchyard.hookspecs import PROJECT

__all__ = ["Manager"]

UNKNOWN = object()

HOLDERS = (classmethod, staticmethod, MethodType, MemberDescriptorType)
"""What may hold a function that is marked, without bearing the mark itself."""


class Manager(pluggy.PluginManager):
    """Has pluggy look closely only at what may be a hook.

    For each attribute of a plugin it would search all bases, several times over,
    and nearly all of them bear no mark.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        mark = _mark(plugin, name, f"{PROJECT}_impl")
        return super().parse_hookimpl_opts(plugin, name) if mark is UNKNOWN else mark

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        mark = _mark(module_or_class, name, f"{PROJECT}_spec")
        return super().parse_hookspec_opts(module_or_class, name) if mark is UNKNOWN else mark


def _mark(holder: object, name: str, mark: str) -> Any:
    """What a method is marked with; ``None`` without a mark, ``UNKNOWN`` if pluggy must look.

    Asks no property for its value.
    """
    if not isinstance(holder, type) and name in getattr(holder, "__dict__", ()):
        return UNKNOWN  # a module's, or an object's own
    cls = holder if isinstance(holder, type) else type(holder)
    for one in cls.__mro__:
        if name in vars(one):
            value = vars(one)[name]
            if isinstance(value, FunctionType):
                return vars(value).get(mark)
            return UNKNOWN if isinstance(value, HOLDERS) else None
    return UNKNOWN
